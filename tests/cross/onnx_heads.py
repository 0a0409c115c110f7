"""Heads as ONNX models, in onnxruntime.

    python tests/cross/onnx_heads.py [--binary PATH]

Needs numpy, onnx and onnxruntime. Exports the bundled router, one with trees and one with means of
heads (trained here), and one with every kind of step and head; for each

- the ONNX checker accepts the file,
- the folder's own check.py holds on every golden request,
- 2,000 prompts of the bundled trace give the probabilities of `weighbridge decide` within 1e-5 and its
  tokens within a hundred-thousandth of themselves, and the same endpoints but for near ties, and
- every split of every tree sends the neighbours of its threshold (in 64 bits) where the loader does.
"""

import argparse
import importlib
import itertools
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnx

ROOT = Path(__file__).resolve().parents[2]
TRACE = ROOT / "traces/engineering.jsonl"
PROMPTS = 2000
TOLERANCE = 1e-5
BATCH = 256


def run(call, **options):
    return subprocess.run([str(part) for part in call], capture_output=True, text=True, **options)


def trained(binary, folder, kind, *options):
    """A router with heads of this kind."""
    path = folder / f"{kind}.router.json"
    models = ["--driver", "deepseek-v3.2", "--specialist", "deepseek-v3.2-speciale"]
    rules = ["--no-guard", "--allow-no-gain", "-q", "--value", "2"]
    done = run([binary, "train", TRACE, *models, "--model", kind, *rules, *options, "-o", path])
    assert done.returncode == 0, done.stderr
    return path


def opened(out):
    """The folder's own modules, which import each other by plain names."""
    for name in ("weighbridge_router", "route", "check"):
        sys.modules.pop(name, None)
    sys.path.insert(0, str(out))
    try:
        return [importlib.import_module(name) for name in ("weighbridge_router", "route", "check")]
    finally:
        sys.path.pop(0)


def decided(binary, router, asked):
    """What the crate decides."""
    lines = "".join(json.dumps({"id": str(i), "request": request}) + "\n" for i, request in enumerate(asked))
    done = run([binary, "decide", router, "-"], input=lines)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(name, binary, router, folder, asked, wrong):
    out = folder / f"{name}-onnx"
    done = run([binary, "export", router, "--to", "onnx", "-o", out])
    assert done.returncode == 0, done.stderr
    model = onnx.load(out / "heads.onnx")
    onnx.checker.check_model(model, full_check=True)
    loader, route, own = opened(out)
    try:
        print(f"{name}: {own.check(out)}")
    except loader.RouterError as error:
        wrong.append(f"{name}: check.py: {error}")
    said, runtime, found = decided(binary, router, asked), route.OnnxRouter(out), []
    for at in range(0, len(asked), BATCH):
        found += runtime.decide(asked[at : at + BATCH])
    worst, worst_tokens, moved = 0.0, 0.0, 0
    for line, decision in zip(said, found, strict=True):
        for p, (model_name, success, tokens) in zip(line["predictions"], decision.predictions, strict=True):
            assert p["model"] == model_name
            worst = max(worst, abs(success - p["success"]))
            worst_tokens = max(worst_tokens, abs(tokens - p["output_tokens"]) / p["output_tokens"])
        if decision.choice != line["choice"]:
            moved += 1
    ops = ", ".join(f"{entry.domain or 'ai.onnx'} {entry.version}" for entry in model.opset_import)
    print(
        f"{name}: {len(asked)} prompts in onnxruntime (IR {model.ir_version}; {ops}): probabilities within "
        f"{worst:.1e}, tokens within {worst_tokens:.1e} of themselves, {moved} decided otherwise; "
        f"{runtime.router.columns} columns, {(out / 'heads.onnx').stat().st_size:,} bytes"
    )
    if not (worst <= TOLERANCE and worst_tokens <= TOLERANCE):
        wrong.append(f"{name}: off by {worst:.1e}, tokens by {worst_tokens:.1e}")
    # A near tie may fall the other way; more of them would be something else.
    if moved > len(said) // 1000:
        wrong.append(f"{name}: {moved} requests are decided otherwise")
    splits(name, loader, runtime, wrong)


def splits(name, loader, runtime, wrong):
    """Each split of each tree, asked at its threshold and at both neighbours in 64 bits."""
    heads = [
        head
        for pair in runtime.router.heads
        for head in (pair.success.of if isinstance(pair.success, loader.Mean) else [pair.success])
        if isinstance(head, loader.Trees)
    ]
    asked = sorted({(split[0], split[1]) for head in heads for splits, _ in head.trees for split in splits})
    rows = []
    for column, at_most in asked:
        for value in (math.nextafter(at_most, -math.inf), at_most, math.nextafter(at_most, math.inf)):
            rows.append([(column, value)])
    if not rows:
        return
    router, off = runtime.router, 0.0

    class Given(loader.Request):
        """A request whose features are given."""

        def __init__(self, entries):
            super().__init__({"prompt": ""})
            self.entries = entries

    original, router.entries = router.entries, lambda request: request.entries
    for at in range(0, len(rows), BATCH):
        requests = [Given(row) for row in rows[at : at + BATCH]]
        for request, predictions in zip(requests, runtime.predict(requests)):
            for (found, _), (said, _) in zip(predictions, router._predict(request)):
                off = max(off, abs(found - said))
    router.entries = original
    print(f"{name}: {len(asked)} thresholds, each with both neighbours: probabilities within {off:.1e}")
    if off > TOLERANCE:
        wrong.append(f"{name}: a split goes another way beside its threshold: {off:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/weighbridge")
    binary = parser.parse_args().binary
    sys.dont_write_bytecode = True
    with open(TRACE, encoding="utf-8") as file:
        asked = [json.loads(line)["request"] for line in itertools.islice(file, 1, PROMPTS + 1)]
    asked[7] = {**asked[7], "prompt": None}
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        routers = {
            "bundled": ROOT / "models/engineering.router.json",
            "every-kind": ROOT / "tests/corpus/router/1/every-kind.router.json",
            "trees": trained(binary, folder, "trees"),
            "mean": trained(binary, folder, "mean"),
        }
        for name, router in routers.items():
            check(name, binary, router, folder, asked, wrong)
        out = folder / "rules"
        rules = ROOT / "policies/always-driver.toml"
        done = run([binary, "export", rules, "--to", "onnx", "-o", out, "--driver", "deepseek-v3.2"])
        if done.returncode != 1 or out.exists() or "no trained heads" not in done.stderr:
            wrong.append(f"a policy without heads is not refused: {done.returncode} {done.stderr}")
    print("\n".join(wrong) or "onnxruntime agrees")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
