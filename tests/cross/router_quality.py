"""Router quality on RouteLLM's MMLU answers, scored by the independent reference.

    python tests/cross/router_quality.py [--binary PATH] [--keep FOLDER]

Needs ../shared (data and reference) and the packages of its requirements.txt; without ../shared it
says so and stops, unless WEIGHBRIDGE_REQUIRE_SHARED=1. Imports the 38 subjects, lets `weighbridge
train --split` train on the reference's splits, trains the reference's recipe R on the same, and
scores both with the reference's own measures. Prints heads x protocols x measures with R and prompt
length beside them, as BENCHMARKS.md has them, and fails where a bar of BARS is missed, where ours is
below R by more than the paired interval, or where B' is not above prompt length with the whole
interval. `--heads auto,logistic,mean,trees` measures those kinds; `auto` is what the bars are for.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
REFERENCE = SHARED / "reference" / "router_quality"
DATA = SHARED / "data" / "routellm-mmlu"


def run(*command):
    print("$", *(str(part) for part in command), flush=True)
    subprocess.run([str(part) for part in command], check=True)


def imported(binary, folder):
    """The splits and the trace."""
    splits, trace = folder / "splits.csv.gz", folder / "mmlu.jsonl"
    run(sys.executable, REFERENCE / "splits.py", DATA, "-o", splits)
    roles = ["--driver", "mistralai/Mixtral-8x7B-Instruct-v0.1", "--specialist", "gpt-4-1106-preview"]
    assume = ["--assume-output-tokens", "1"]
    run(binary, "import", "--from", "routellm", DATA, *assume, *roles, "-o", trace)
    return splits, trace


class Scores:
    """The reference's measures, a row a split."""

    def __init__(self):
        sys.path.insert(0, str(REFERENCE))
        sys.dont_write_bytecode = True
        import reference
        import splits as reference_splits

        self.reference, self.data = reference, reference_splits.load(DATA)
        self.corpus = reference.Corpus.build(self.data)
        self.splits = [
            (protocol, split)
            for protocol in reference.PROTOCOLS
            for split in reference.splits_of(self.data, protocol)
        ]

    def of(self, predict):
        found = {}
        for _, split in self.splits:
            for row in self.reference.measure_split(self.data, split, "one", predict(split)):
                found.setdefault(row["protocol"], []).append(row)
        return found

    def of_file(self, path):
        given = self.reference.read_predictions(path)
        key = lambda split: (split.protocol, split.seed, split.fold)
        return self.of(lambda split: self.reference.align(given[key(split)], self.data, split))

    def timed(self, predict):
        start = time.perf_counter()
        found = self.of(predict)
        return found, time.perf_counter() - start


NAMES = ["APGR", "CPT50", "CPT80", "PGR5", "PGR10", "ECE_strong", "ECE_weak"]
# Protocol, measure, least or most.
BARS = [
    ("A", "APGR", ">=", 0.70), ("A-tag", "APGR", ">=", 0.71), ("A-tag", "CPT50", "<=", 0.265),
    ("A-tag", "PGR10", ">=", 0.27), ("B", "APGR", ">=", 0.675), ("B", "CPT50", "<=", 0.30),
    ("B'", "APGR", ">=", 0.62), ("B'", "CPT50", "<=", 0.355), ("A", "ECE_strong", "<=", 0.03),
    ("A", "ECE_weak", "<=", 0.03), ("B", "ECE_strong", "<=", 0.07), ("B", "ECE_weak", "<=", 0.07),
]  # fmt: skip


def paired(ours, others):
    """Mean difference of APGR over the splits, and its standard error."""
    differences = [a["APGR"] - b["APGR"] for a, b in zip(ours, others)]
    return statistics.mean(differences), statistics.stdev(differences) / len(differences) ** 0.5


def failures(ours, best, length):
    for protocol, name, way, bar in BARS:
        mean = statistics.mean(row[name] for row in ours[protocol])
        if (mean < bar) if way == ">=" else (mean > bar):
            yield f"{protocol}: {name} {mean:.4f} is not {way} {bar}"
    for protocol, rows in ours.items():
        difference, error = paired(rows, best[protocol])
        # Student's t at 97.5%, for 4 and 14 degrees of freedom.
        t = 2.776 if len(rows) == 5 else 2.145
        if difference + t * error < 0:
            yield f"{protocol}: below R by {-difference:.4f}, and the interval is {t * error:.4f}"
    difference, error = paired(ours["B'"], length["B'"])
    if difference < 2.145 * error:
        yield f"B': above prompt length by {difference:.4f}, and the interval is {2.145 * error:.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/weighbridge")
    parser.add_argument("--keep", type=Path, help="folder for trace, splits and predictions")
    parser.add_argument("--heads", default="auto", help="kinds of heads, with commas between them")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print("skipped: ../shared is not there")
        sys.exit(1 if os.environ.get("WEIGHBRIDGE_REQUIRE_SHARED") == "1" else 0)
    with tempfile.TemporaryDirectory() as folder:
        folder = args.keep or Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        splits, trace = imported(args.binary, folder)
        scores, found, seconds = Scores(), {}, {}
        for kind in args.heads.split(","):
            out = folder / f"predictions-{kind}.csv"
            start = time.perf_counter()
            run(args.binary, "train", trace, "--split", splits, "--predictions", out, "--model", kind, "-q")
            seconds[f"ours, {kind}"] = time.perf_counter() - start
            found[f"ours, {kind}"] = scores.of_file(out)
    best, seconds["R"] = scores.timed(lambda split: scores.reference.recipe(scores.corpus, split))
    length = scores.of(lambda split: scores.reference.length(scores.corpus, split))
    found.update({"R": best, "prompt length": length})
    print("| protocol | head | " + " | ".join(NAMES) + " | APGR less R (standard error) |")
    for protocol in best:
        for name, rows in found.items():
            shown = " | ".join(f"{statistics.mean(row[key] for row in rows[protocol]):.3f}" for key in NAMES)
            difference, error = paired(rows[protocol], best[protocol])
            versus = "-" if name == "R" else f"{difference:+.3f} ({error:.3f})"
            print(f"| {protocol} | {name} | {shown} | {versus} |")
    # Both train on all splits and predict their test rows; features are made once by either.
    print("seconds: " + ", ".join(f"{name} {took:.0f}" for name, took in seconds.items()))
    missed = list(failures(found["ours, auto"], best, length)) if "ours, auto" in found else []
    print("\n".join(missed) or "all bars are met")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
