"""The loop closed: serve, record, grade, replay, train, compare, ship, serve again.

Usage: loop.py [--binary PATH] [--requests N] with a Python that has `openai`.

The official client talks, streaming and not, to `weighbridge serve` in front of two upstreams on
loopback. The upstreams are SIMULATED: each is right on a prompt with a probability that depends on the
task and that nobody but this script knows, decided by a hash of the prompt; so are their tokens and
their prices. Everything else is the real thing. Round one sends all to the dear model, but for the share
that explores; what is recorded is graded by POST /v1/feedback, replayed, and trained on; the new router
is compared by `diff`, exported, verified, and put in the place of the file that the running server
watches. Round two asks other prompts of the same kinds. It must cost less, by the whole 95% interval, at
a success that is not lower by more than MARGIN, by the whole 95% interval.
"""

import argparse
import asyncio
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import openai

from upstream import Talk, serving

ROOT = Path(__file__).resolve().parents[2]
EXPLORE = 0.3
MARGIN = 0.03
VALUE = 0.04  # USD a right answer
AT_ONCE = 16
# Task: share of the traffic, and how often each model is right (simulated).
TASKS = {
    "chat": (0.40, {"cheap": 0.90, "strong": 0.90}),
    "summary": (0.25, {"cheap": 0.88, "strong": 0.88}),
    "code": (0.20, {"cheap": 0.86, "strong": 0.87}),
    "math": (0.15, {"cheap": 0.30, "strong": 0.92}),
}
TEXTS = {
    "chat": "Write a friendly note to the team about meeting {n} and say who brings the cake.",
    "summary": "Summarize the minutes of week {n}: what was decided, by whom, and what is still open.",
    "code": "Write a function that parses record {n} of the log and returns its fields.",
    "math": "Prove that the sequence a_{n} converges and find its limit in closed form.",
}
# USD a million tokens: input, output (simulated).
PRICES = {"cheap": (0.2, 0.8), "strong": (2.0, 8.0)}
CATALOG = """format = "weighbridge.catalog/1"
[[model]]
id = "cheap"
[[model]]
id = "strong"
[[endpoint]]
id = "cheap@here"
model = "cheap"
[[endpoint.price]]
usd_per_mtok = { input = 0.2, cached = 0.2, output = 0.8 }
source = "simulated"
[[endpoint]]
id = "strong@here"
model = "strong"
[[endpoint.price]]
usd_per_mtok = { input = 2.0, cached = 2.0, output = 8.0 }
source = "simulated"
"""
ALWAYS = 'format = "weighbridge.policy/1"\nfallback = ["cheap"]\n[choose]\nkind = "always"\nto = "%s"\n'


# --- the simulated world ---------------------------------------------------------------------------


def uniform(*of):
    """A number in [0, 1) that depends on these texts alone."""
    digest = hashlib.sha256("\x00".join(of).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def task_of(prompt):
    return next(task for task, text in TEXTS.items() if prompt.startswith(text.split("{")[0]))


def is_right(model, prompt):
    return uniform("right", model, prompt) < TASKS[task_of(prompt)][1][model]


def usage(model, prompt):
    least = {"cheap": 150, "strong": 700}[model]
    output = int(least * (1 + uniform("tokens", model, prompt)))
    return {"prompt_tokens": len(prompt) // 4, "completion_tokens": output, "total_tokens": len(prompt) // 4 + output}


def cost(model, prompt):
    told, (input_usd, output_usd) = usage(model, prompt), PRICES[model]
    return (told["prompt_tokens"] * input_usd + told["completion_tokens"] * output_usd) / 1e6


def solution(prompt):
    return hashlib.sha256(prompt.encode()).hexdigest()[:8]


def answer(model, prompt):
    return f"The answer is {solution(prompt)}." if is_right(model, prompt) else "The answer is unclear to me."


def prompts(round_, count):
    """(task, prompt) in the shares of the tasks; every prompt is another one."""
    made = []
    for place in range(count):
        drawn = uniform("task", str(round_), str(place))
        for task, (share, _) in TASKS.items():
            if drawn < share:
                break
            drawn -= share
        made.append((task, TEXTS[task].format(n=round_ * 1_000_000 + place)))
    return made


class Upstream:
    """One model: OpenAI's interface, an answer that is right or not, plain or streamed."""

    def __init__(self, model):
        self.model, self.asked, lock = model, 0, threading.Lock()
        upstream = self

        class Handler(Talk):
            def do_POST(self):
                body = self.body()
                with lock:
                    upstream.asked += 1
                prompt = body["messages"][-1]["content"]
                text, told = answer(model, prompt), usage(model, prompt)
                head = {"id": "answer", "created": 1, "model": model}
                if not body.get("stream"):
                    message = {"role": "assistant", "content": text}
                    choice = {"index": 0, "message": message, "finish_reason": "stop"}
                    return self.whole({**head, "object": "chat.completion", "choices": [choice], "usage": told})
                head["object"] = "chat.completion.chunk"
                events = []
                for delta, reason in [({"role": "assistant", "content": text[:9]}, None), ({"content": text[9:]}, None), ({}, "stop")]:
                    events.append({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
                if (body.get("stream_options") or {}).get("include_usage"):
                    events.append({**head, "choices": [], "usage": told})
                self.begin_stream()
                for line in [json.dumps(event) for event in events] + ["[DONE]"]:
                    self.piece(f"data: {line}\n\n")
                return self.piece("")

        self.base = f"http://127.0.0.1:{serving(Handler).server_address[1]}/v1"


# --- the tool --------------------------------------------------------------------------------------


class Tool:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def run(self, *arguments, codes=(0,)):
        done = subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode in codes, f"{arguments}: exit {done.returncode}\n{done.stderr}\n{done.stdout[-2000:]}"
        return done.stdout

    def json(self, *arguments, codes=(0,)):
        return json.loads(self.run(*arguments, "--format", "json", codes=codes))


class Serve:
    """`weighbridge serve` on a free port, recording."""

    def __init__(self, binary, router, upstreams, record, log):
        self.log = open(log, "w+", encoding="utf-8")
        command = [binary, "serve", router, "--listen", "127.0.0.1:0", "--record", record, "--explore", EXPLORE]
        for model, upstream in upstreams.items():
            command += ["--upstream", f"{model}={upstream.base}"]
        self.process = subprocess.Popen([str(part) for part in command], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while "http://" not in (text := log.read_text()):
            assert self.process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.02)
        self.address = "http://" + text.split("http://", 1)[1].split("/", 1)[0].split()[0].rstrip('",')
        self.path = log

    def post(self, path, body):
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answered:
            return json.loads(answered.read())

    def wait_for(self, router, tool):
        """Until the running server decides as this file does, where it does not explore."""
        wanted = {}
        for task, text in TEXTS.items():
            line = json.dumps({"id": task, "request": {"prompt": text.format(n=7), "task": task}})
            done = subprocess.run([tool.binary, "decide", router, "-"], input=line + "\n", capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            wanted[task] = max(json.loads(done.stdout)["choice"].items(), key=lambda it: it[1])[0]
        deadline = time.monotonic() + 60
        while True:
            found = {}
            for task, text in TEXTS.items():
                told = self.post("/v1/route", {"request": {"prompt": text.format(n=7), "task": task}})
                found[task] = max(told["choice"].items(), key=lambda it: it[1])[0]
            if found == wanted:
                return wanted
            assert self.process.poll() is None and time.monotonic() < deadline, (found, wanted, self.path.read_text()[-2000:])
            time.sleep(0.1)

    def close(self):
        self.process.terminate()
        code = self.process.wait(60)
        self.log.close()
        return code


def one_round(serve, round_, count):
    """Ask every prompt; (id, task, model that answered, right, USD) of each, in order."""

    async def ask(client, gate, place, task, prompt):
        async with gate:
            id, stream = f"round-{round_}-{place:05}", place % 3 == 0
            more = {"stream": True} if stream else {}
            raw = await client.chat.completions.with_raw_response.create(
                model="auto",
                messages=[{"role": "user", "content": prompt}],
                metadata={"task": task},
                extra_headers={"x-request-id": id},
                **more,
            )
            parsed = raw.parse()
            if stream:
                said = "".join([c.choices[0].delta.content or "" async for c in parsed if c.choices])
            else:
                said = parsed.choices[0].message.content
            model = raw.headers["x-weighbridge-served"].split("@")[0]
            assert raw.headers["x-request-id"] == id and raw.headers["x-weighbridge-endpoint"] == f"{model}@here", raw.headers
            # The grader knows the solutions, as a test suite would; it does not know who answered.
            return id, task, model, solution(prompt) in said, cost(model, prompt)

    async def all_of_them():
        gate = asyncio.Semaphore(AT_ONCE)
        client = openai.AsyncOpenAI(base_url=serve.address + "/v1", api_key="x", max_retries=0)
        async with client:
            asked = [ask(client, gate, place, *told) for place, told in enumerate(prompts(round_, count))]
            return await asyncio.gather(*asked)

    began = time.monotonic()
    rows = asyncio.run(all_of_them())
    for start in range(0, count, 500):
        reports = [{"id": id, "score": float(right)} for id, _, _, right, _ in rows[start : start + 500]]
        assert serve.post("/v1/feedback", reports)["accepted"] == len(reports)
    print(f"round {round_}: {count} requests in {time.monotonic() - began:.1f} s, a third of them streamed")
    return rows


def mean(values):
    """Mean and standard error."""
    n = len(values)
    x = sum(values) / n
    return x, math.sqrt(sum((v - x) ** 2 for v in values) / (n - 1) / n)


def difference(before, after):
    """Of two independent samples, with its 95% interval."""
    (a, a_error), (b, b_error) = mean(before), mean(after)
    reach = 1.96 * math.hypot(a_error, b_error)
    return b - a, b - a - reach, b - a + reach


def told(rows, name):
    success, cost_usd = mean([r[3] for r in rows]), mean([r[4] for r in rows])
    dear = sum(r[2] == "strong" for r in rows) / len(rows)
    print(
        f"{name}: {dear:.1%} to the dear model; right {success[0]:.1%} +- {1.96 * success[1]:.1%}; "
        f"${1000 * cost_usd[0]:.3f} +- {1960 * cost_usd[1]:.3f} a thousand requests"
    )


def recorded_lines(folder):
    import gzip

    for path in sorted(folder.glob("weighbridge-*")):
        opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path, encoding="utf-8")
        with opened as file:
            next(file)
            yield from (json.loads(line) for line in file)


def check_recording(tool, record, rows, roles):
    """Everything was recorded, graded, and with the propensity that it was drawn with."""
    # What `wait_for` asked was decided, and so recorded, too.
    lines = {line["id"]: line for line in recorded_lines(record) if line["id"].startswith("round-")}
    assert sorted(lines) == sorted(row[0] for row in rows), f"{len(lines)} lines for {len(rows)} requests"
    explored = 0
    for id, task, model, _, _ in rows:
        line = lines[id]
        logged, outcome = line["logged"], line["outcomes"][-1]
        assert logged["endpoint"] == outcome["endpoint"] == f"{model}@here" and line["request"]["task"] == task, line
        likely = 1 - EXPLORE / 2
        assert any(abs(logged["propensity"] - p) < 1e-9 for p in (likely, 1 - likely)), line
        explored += logged["propensity"] < 0.5
        prompt = line["request"]["prompt"]
        assert outcome["output_tokens"] == usage(model, prompt)["completion_tokens"], line
    expected, spread = EXPLORE / 2 * len(rows), math.sqrt(EXPLORE / 2 * len(rows))
    assert abs(explored - expected) < 4 * spread, f"{explored} were explored, not about {expected:.0f}"
    # As a trace: with grades from the feedback. Each policy is judged where the draw fell on its choice;
    # the draw is independent of the request, so that is a fair sample of all of them.
    for model in ("cheap", "strong"):
        (tool.folder / f"{model}.toml").write_text(ALWAYS % model)
        report = tool.json("replay", record, "-p", tool.folder / f"{model}.toml", "--value", VALUE, *roles)
        policy = report["policies"][0]
        seen = [r for r in rows if r[2] == model]
        right = sum(r[3] for r in seen) / len(seen)
        figure = policy["success"]
        assert figure["n"] == len(seen) and abs(figure["x"] - right) < 1e-9, (figure, right, len(seen))
        paid = sum(r[4] for r in seen) / len(seen)
        assert abs(policy["cost_usd_per_request"]["x"] - paid) < 1e-9, (policy["cost_usd_per_request"], paid)
        truth = sum(share * p[model] for share, p in TASKS.values())
        low, high = figure["ci95"]
        print(f"replay, always {model}: right {right:.1%} [{low:.1%}, {high:.1%}] on {len(seen)} requests; simulated at {truth:.1%}")


def main(binary, count):
    with tempfile.TemporaryDirectory(prefix="weighbridge-loop-") as name:
        folder = Path(name)
        tool = Tool(binary, folder)
        (folder / "own.toml").write_text(CATALOG)
        (folder / "today.toml").write_text(ALWAYS % "strong")
        catalog = ["--catalog", folder / "own.toml"]
        roles = [*catalog, "--driver", "cheap", "--specialist", "strong"]
        current, record = folder / "current.router.json", folder / "recorded"
        tool.run("compile", folder / "today.toml", "-o", current, *roles)
        upstreams = {model: Upstream(model) for model in PRICES}
        serve = Serve(binary, current, upstreams, record, folder / "serve.log")
        try:
            serve.wait_for(current, tool)
            first = one_round(serve, 1, count)
            asked = {model: sum(r[2] == model for r in first) for model in PRICES}
            assert asked == {model: upstream.asked for model, upstream in upstreams.items()}, asked
            time.sleep(2)  # the recorder flushes at least each second
            check_recording(tool, record, first, roles)
            fresh = folder / "new.router.json"
            # No request has the outcomes of both models, so neither the guard's informative rows nor a
            # paired gain exist: what speaks for the router is the comparison below and round two.
            trained = tool.json(
                "train", record, *roles, "--value", VALUE, "--holdout", "0.2", "--no-guard", "--allow-no-gain", "-o", fresh, "-q"
            )
            print(f"trained on {trained['training_rows']} rows, {trained['informative_rows']} of them with both outcomes")
            compared = tool.json("diff", current, fresh, record, *catalog, "--value", VALUE)
            traffic = compared["traffic"]
            expected = {it["figure"]: (it["predicted"] or {}).get("x") for it in traffic["figures"]}
            print(
                f"diff: {traffic['moved']['x']:.1%} of {traffic['trace']['requests']} held-out requests move; the heads expect "
                f"{1000 * expected['cost_usd_per_request']:+.3f} USD a thousand, {expected['success']:+.2%} right"
            )
            tool.run("export", fresh, "--to", "envoy", "-o", folder / "shipped", *catalog)
            shipped = folder / "shipped/policy.router.json"
            assert shipped.read_bytes() == fresh.read_bytes()
            tool.run("verify", folder / "shipped", *catalog)
            # Into the running server: a rename, so that nobody reads half a file.
            (folder / "next.tmp").write_bytes(shipped.read_bytes())
            os.replace(folder / "next.tmp", current)
            print("the running server decides by the new file:", serve.wait_for(current, tool))
            second = one_round(serve, 2, count)
            time.sleep(2)
        finally:
            code = serve.close()
        assert code == 0, (folder / "serve.log").read_text()[-3000:]
        told(first, "round 1")
        told(second, "round 2")
        inspected = tool.json("inspect", record, *roles)
        total = sum(1 for line in recorded_lines(record) if line["id"].startswith("round-"))
        assert total == 2 * count, (total, inspected.get("requests"))
        success, success_low, success_high = difference([r[3] for r in first], [r[3] for r in second])
        spent, spent_low, spent_high = difference([r[4] for r in first], [r[4] for r in second])
        print(
            f"round 2 less round 1: ${1000 * spent:+.3f} [{1000 * spent_low:+.3f}, {1000 * spent_high:+.3f}] a thousand requests, "
            f"right {success:+.2%} [{success_low:+.2%}, {success_high:+.2%}]"
        )
        assert spent_high < 0, "round two does not cost less"
        assert success_low > -MARGIN, f"round two may be right less often by more than {MARGIN:.0%}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/weighbridge")
    parser.add_argument("--requests", type=int, default=3000)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    main(given.binary.resolve(), given.requests)
    print("loop: closed")
