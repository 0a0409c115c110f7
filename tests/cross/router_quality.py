"""Router quality on RouteLLM's MMLU answers, scored by the independent reference.

    python tests/cross/router_quality.py [--binary PATH] [--keep FOLDER]

Needs ../shared (data and reference) and the packages of its requirements.txt; without ../shared it
says so and stops, unless WEIGHBRIDGE_REQUIRE_SHARED=1. Imports the 38 subjects, lets `weighbridge
train --split` train on the reference's splits, trains the reference's recipe R on the same, and
scores both with the reference's own measures. Prints heads x protocols x measures with R and prompt
length beside them, as BENCHMARKS.md has them, and fails where a bar of BARS is missed, where ours is
below R by more than the paired interval, where B' is not above prompt length with the whole
interval, or where net value with tasks held out falls below the better fixed choice. `--heads auto,logistic,mean,trees` measures those kinds; `auto` is what the bars are for.
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

    def in_file(self, path):
        """The predictions of a file for a split."""
        given = self.reference.read_predictions(path)
        key = lambda split: (split.protocol, split.seed, split.fold)
        return lambda split: self.reference.align(given[key(split)], self.data, split)

    def net_values(self, predict):
        """Net value a prompt less that of the better fixed choice on the training rows, by the raw
        rule (strong where value * gain is above the extra cost): each split of B at each value."""
        found, data, (strong_cost, weak_cost) = [], self.data, COSTS
        for split in (split for protocol, split in self.splits if protocol == "B"):
            said = predict(split)
            gain = said.p_strong - said.p_weak
            for value in VALUES:
                strong, weak = value * data.strong - strong_cost, value * data.weak - weak_cost
                fixed = strong if strong[split.train].mean() > weak[split.train].mean() else weak
                routed = value * gain > strong_cost - weak_cost
                net = strong[split.test] * routed + weak[split.test] * ~routed
                found.append(float((net - fixed[split.test]).mean()))
        return found

    def timed(self, predict):
        start = time.perf_counter()
        found = self.of(predict)
        return found, time.perf_counter() - start


NAMES = ["APGR", "CPT50", "CPT80", "PGR5", "PGR10", "ECE_strong", "ECE_weak"]
# Of the net value: values of a right answer, costs of the strong and of the weak model.
VALUES, COSTS = (4, 8, 12, 20), (2.5, 1.0)
# Protocol, measure, least or most.
BARS = [
    ("A", "APGR", ">=", 0.70), ("A-tag", "APGR", ">=", 0.71), ("A-tag", "CPT50", "<=", 0.265),
    ("A-tag", "PGR10", ">=", 0.27), ("B", "APGR", ">=", 0.675), ("B", "CPT50", "<=", 0.30),
    ("B'", "APGR", ">=", 0.62), ("B'", "CPT50", "<=", 0.355), ("A", "ECE_strong", "<=", 0.03),
    ("A", "ECE_weak", "<=", 0.03), ("B", "ECE_strong", "<=", 0.07), ("B", "ECE_weak", "<=", 0.07),
]  # fmt: skip


def failures_of_net(found):
    """The bars of the net value with tasks held out."""
    mean, worst = statistics.mean(found), min(found)
    print(f"net value a prompt over the better fixed choice, tasks held out: mean {mean:+.3f}, worst fold {worst:+.3f}")
    if mean < 0:
        yield f"B: the mean net value {mean:.4f} is below that of the better fixed choice"
    if worst < -0.02:
        yield f"B: net value is below the better fixed choice by {-worst:.4f} in a fold, and the limit is .02"


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
        scores, found, seconds, nets = Scores(), {}, {}, {}
        for kind in args.heads.split(","):
            out = folder / f"predictions-{kind}.csv"
            start = time.perf_counter()
            run(args.binary, "train", trace, "--split", splits, "--predictions", out, "--model", kind, "-q")
            seconds[f"ours, {kind}"] = time.perf_counter() - start
            predict = scores.in_file(out)
            found[f"ours, {kind}"], nets[kind] = scores.of(predict), scores.net_values(predict)
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
    missed = []
    if "auto" in nets:
        missed = [*failures(found["ours, auto"], best, length), *failures_of_net(nets["auto"])]
    print("\n".join(missed) or "all bars are met")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
