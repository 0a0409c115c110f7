"""Router quality on RouteLLM's MMLU answers, scored by the independent reference.

    python tests/cross/router_quality.py [--binary PATH] [--keep FOLDER]

Needs ../shared (data and reference) and the packages of its requirements.txt; without ../shared it
says so and stops, unless WEIGHBRIDGE_REQUIRE_SHARED=1. Imports the 38 subjects, lets `weighbridge
train --split` train on the reference's splits, and scores the predictions with the reference's own
measures, paired on the same splits. Fails where A-tag's APGR is below .68, or where B' is not above
prompt length by two standard errors.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
REFERENCE = SHARED / "reference" / "router_quality"
DATA = SHARED / "data" / "routellm-mmlu"


def run(*command):
    print("$", *(str(part) for part in command), flush=True)
    subprocess.run([str(part) for part in command], check=True)


def predictions(binary, folder):
    """Our predictions on the reference's splits."""
    splits, trace, out = folder / "splits.csv.gz", folder / "mmlu.jsonl", folder / "predictions.csv"
    run(sys.executable, REFERENCE / "splits.py", DATA, "-o", splits)
    roles = ["--driver", "mistralai/Mixtral-8x7B-Instruct-v0.1", "--specialist", "gpt-4-1106-preview"]
    assume = ["--assume-output-tokens", "1"]
    run(binary, "import", "--from", "routellm", DATA, *assume, *roles, "-o", trace)
    run(binary, "train", trace, "--split", splits, "--predictions", out)
    return out


def score(path):
    """APGR of ours and of prompt length, by protocol, a value a split."""
    sys.path.insert(0, str(REFERENCE))
    sys.dont_write_bytecode = True
    import reference
    import splits as reference_splits

    data = reference_splits.load(DATA)
    corpus = reference.Corpus.build(data)
    given = reference.read_predictions(path)
    ours, length = {}, {}
    for protocol in reference.PROTOCOLS:
        for split in reference.splits_of(data, protocol):
            frame = given[(split.protocol, split.seed, split.fold)]
            own = reference.measure_split(data, split, "ours", reference.align(frame, data, split))
            floor = reference.measure_split(data, split, "length", reference.length(corpus, split))
            for mine, theirs in zip(own, floor):
                ours.setdefault(mine["protocol"], []).append(mine)
                length.setdefault(mine["protocol"], []).append(theirs)
    return ours, length


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/weighbridge")
    parser.add_argument("--keep", type=Path, help="folder for trace, splits and predictions")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print("skipped: ../shared is not there")
        sys.exit(1 if os.environ.get("WEIGHBRIDGE_REQUIRE_SHARED") == "1" else 0)
    with tempfile.TemporaryDirectory() as folder:
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
        ours, length = score(predictions(args.binary, args.keep or Path(folder)))
    names = ["APGR", "CPT50", "CPT80", "PGR5", "PGR10", "ECE_strong", "ECE_weak"]
    print("protocol splits " + " ".join(names) + " | APGR less prompt length (standard error)")
    gains = {}
    for protocol, rows in ours.items():
        means = [statistics.mean(row[name] for row in rows) for name in names]
        differences = [row["APGR"] - floor["APGR"] for row, floor in zip(rows, length[protocol])]
        error = statistics.stdev(differences) / len(differences) ** 0.5
        gains[protocol] = (means[0], statistics.mean(differences), error)
        shown = " ".join(f"{mean:.3f}" for mean in means)
        print(f"{protocol:8} {len(rows):6} {shown} | {gains[protocol][1]:+.3f} ({error:.3f})")
    failures = []
    if gains["A-tag"][0] < 0.68:
        failures.append(f"A-tag: APGR {gains['A-tag'][0]:.3f} is below .68")
    if gains["B'"][1] < 2 * gains["B'"][2]:
        failures.append("B': not above prompt length by two standard errors")
    print("\n".join(failures) or "both bars are met")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
