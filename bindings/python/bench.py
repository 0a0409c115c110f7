"""The wheel beside the Rust crate, on the same prompts, in the same run.

    cargo build --release --example time_decide     # in this folder
    python bench.py [--rust PATH/time_decide] [--router FILE] [--rounds N]

Needs the wheel installed; the prompts are those of the bundled trace, and the same joined to 1 KB
each, one by one and in blocks. Rust and the wheel take turns; of each call and each block the best
round counts, since whatever else runs on the machine can only add. Prints a table; exits with 1 where a bar is missed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import weighbridge

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TRACE = ROOT / "traces" / "engineering.jsonl"

ADDED_US = 15.0
BATCH_RATIO = 1.2
BLOCK = 64


def requests_of(trace, longer):
    """The requests of a trace, their prompts as they are or joined with the following ones to 1 KB."""
    with open(trace, encoding="utf-8") as file:
        requests = [json.loads(line)["request"] for line in file.readlines()[1:]]
    if not longer:
        return requests
    prompts = [request["prompt"] for request in requests]
    for place, request in enumerate(requests):
        text = ""
        while len(text) < 1000:
            text += prompts[place % len(prompts)] + "\n"
            place += 1
        request["prompt"] = text[:1024]
    return requests


def rust(command, router, lines):
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.writelines(lines)
        file.flush()
        return json.loads(subprocess.run([command, router, file.name], check=True, capture_output=True).stdout)


def wheel(router, requests, lines):
    clock = time.perf_counter_ns
    single = []
    for request in requests:
        start = clock()
        router.route(request)
        single.append(clock() - start)
    batch, text = [], []
    for first in range(0, len(requests), BLOCK):
        block = requests[first : first + BLOCK]
        start = clock()
        router.route_many(block)
        batch.append(clock() - start)
    for first in range(0, len(lines), BLOCK):
        block = b"".join(lines[first : first + BLOCK])
        start = clock()
        router.route_jsonl(block)
        text.append(clock() - start)
    return {"single": single, "batch": batch, "lines": text}


def measure(name, command, file, requests, rounds):
    """Whether the bars are met."""
    router = weighbridge.Router.load(file)
    lines = [json.dumps(request).encode() + b"\n" for request in requests]
    found = {"rust": [], "wheel": []}
    for _ in range(rounds):
        found["rust"].append(rust(command, file, lines))
        found["wheel"].append(wheel(router, requests, lines))

    def best(which, what):
        each = [min(turns) for turns in zip(*(turn[what] for turn in found[which]))]
        return (statistics.median(each) if what == "single" else sum(each) / len(requests)) / 1e3

    size = sum(len(request["prompt"].encode()) for request in requests) // len(requests)
    print(f"{name}: {len(requests)} prompts of {size} bytes on average, best of {rounds} rounds, us a request")
    met = True
    for what, label in [("single", "route, median"), ("batch", "route_many"), ("lines", "route_jsonl")]:
        ours, theirs = best("wheel", what), best("rust", what)
        added, ratio = ours - theirs, ours / theirs
        ok = added <= ADDED_US if what == "single" else ratio <= BATCH_RATIO
        # Of the two forms of a batch, the one of text is held to the bar.
        met &= ok or what == "batch"
        print(f"  {label:14} Rust {theirs:7.2f}  wheel {ours:7.2f}  added {added:+6.2f}  ratio {ratio:.2f}")
    return met


def measure_tally(file, rounds):
    """Rows that a processor second adds up, the bundled trace's in one batch under one trained router."""
    try:
        import pyarrow
    except ImportError:
        print("tally: skipped, pyarrow is not installed")
        return
    with open(TRACE, encoding="utf-8") as trace:
        lines = [json.loads(line) for line in trace.readlines()[1:]]
    rows = [
        {"id": line["id"], **line["request"], "request_input_tokens": line["request"].get("input_tokens"), **outcome}
        for line in lines
        for outcome in line["outcomes"]
    ]
    names = dict.fromkeys(name for row in rows for name in row)
    batch = pyarrow.record_batch({name: [row.get(name) for row in rows] for name in names})
    seconds = []
    for _ in range(rounds):
        tally = weighbridge.Tally({"learned": weighbridge.Router.load(file)}, value_usd=2.0)
        start = time.process_time()
        tally.update(batch)
        seconds.append(time.process_time() - start)
    print(f"tally: {len(rows)} rows, 1,000 replicates: {len(rows) / min(seconds):,.0f} rows a processor second")


def main():
    parse = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parse.add_argument("--rust", default=HERE / "target" / "release" / "examples" / "time_decide")
    parse.add_argument("--router", default=ROOT / "models" / "engineering.router.json")
    parse.add_argument("--rounds", type=int, default=15)
    options = parse.parse_args()
    met = [
        measure(name, options.rust, options.router, requests_of(TRACE, longer), options.rounds)
        for name, longer in [("as they are", False), ("1 KB", True)]
    ]
    measure_tally(options.router, options.rounds)
    if not all(met):
        print(f"missed: at most {ADDED_US} us added to a call, a batch within {BATCH_RATIO} of Rust", file=sys.stderr)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
