"""The learners against independent implementations, on RouteLLM's MMLU answers.

    python tests/cross/learners.py [--binary PATH]

Needs ../shared (data) and numpy, scikit-learn; without ../shared it says so and stops, unless
WEIGHBRIDGE_REQUIRE_SHARED=1. Trains linear heads and trees on the surface features alone, works the
columns out again by the Python loader, and checks that

- the linear heads' raw probabilities are within 1e-4 of scikit-learn's logistic regression on the
  same columns, and
- the trees' probabilities are, to the last digit, those of a walk that shares no code with loader or
  crate (the loader is held equal to the crate by tests/it/parity.rs).
"""

import argparse
import base64
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
DATA = SHARED / "data" / "routellm-mmlu"
MODELS = ["mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"]
# 1 / alpha of the linear heads.
C = 0.1


def table(folder):
    """Five subjects as a table without tasks, so that all rows weigh the same."""
    path = folder / "rows.csv"
    rows = []
    for name in ["anatomy", "formal_logic", "miscellaneous", "prehistory", "nutrition"]:
        with open(DATA / f"mmlu_{name}.csv", newline="", encoding="utf-8") as file:
            rows += [[row["prompt"], *(row[model] for model in MODELS)] for row in csv.DictReader(file)]
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["prompt", *MODELS])
        out.writerows([prompt, *("1" if right == "True" else "0" for right in rights)] for prompt, *rights in rows)
    return path, rows


def trained(binary, trace, kind, folder):
    """The body of a router whose heads are of this kind."""
    router = folder / f"{kind}.router.json"
    options = ["--holdout", "0", "--features=-words,-task", "--no-guard", "--allow-no-gain", "-q"]
    models = ["--models", ",".join(MODELS)]
    call = [binary, "train", trace, *models, "--model", kind, *options, "-o", router]
    subprocess.run([str(part) for part in call], check=True, stdout=subprocess.DEVNULL)
    return router, json.loads(router.read_text(encoding="utf-8"))["body"]


def numbers(text):
    return numpy.frombuffer(base64.b64decode(text), "<f4").astype(float)


def sigmoid(z):
    return 1.0 / (1.0 + numpy.exp(-z))


def walk(head, columns):
    """The score of rows of columns by the trees of a head, tree by tree."""
    score = numpy.full(len(columns), head["bias"])
    at_most, leaves = numbers(head["at_most"]), numbers(head["leaves"])
    first, first_leaf = 0, 0
    for size in head["splits"]:
        for row, values in enumerate(columns):
            node = 0 if size else -1
            while node >= 0:
                split = first + node
                low = values[head["column"][split]] <= at_most[split]
                node = head["low" if low else "high"][split]
            score[row] += leaves[first_leaf - node - 1]
        first, first_leaf = first + size, first_leaf + size + 1
    return score


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/weighbridge")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print("skipped: ../shared is not there")
        sys.exit(1 if os.environ.get("WEIGHBRIDGE_REQUIRE_SHARED") == "1" else 0)
    sys.path.insert(0, str(ROOT / "gateways/python"))
    sys.dont_write_bytecode = True
    import weighbridge_router as loader

    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, rows = table(folder)
        trace = folder / "rows.jsonl"
        call = [args.binary, "import", "--from", "csv", "--score-columns", ",".join(MODELS)]
        call += ["--assume-output-tokens", "1", source, "-o", trace]
        subprocess.run([str(part) for part in call], check=True)
        path, body = trained(args.binary, trace, "logistic", folder)
        router = loader.load(str(path))
        columns = numpy.zeros((len(rows), sum(count for count, _ in router.steps)))
        for values, (prompt, *_) in zip(columns, rows):
            for column, value in router.entries(loader.Request({"prompt": prompt})):
                values[column] = value
        heads = {head["model"]: head for head in body["heads"] if head["predicts"] == "success"}
        for place, model in enumerate(MODELS):
            labels = numpy.array([row[1 + place] == "True" for row in rows])
            fitted = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(columns, labels)
            ours = sigmoid(columns @ numbers(heads[model]["weights"]) + heads[model]["bias"])
            far = abs(ours - fitted.predict_proba(columns)[:, 1]).max()
            print(f"logistic, {model}: {len(rows)} rows, at most {far:.2e} from scikit-learn")
            if far > 1e-4:
                wrong.append(f"{model}: the linear head is {far:.2e} from scikit-learn's")
        path, body = trained(args.binary, trace, "trees", folder)
        router = loader.load(str(path))
        for place, head in enumerate(head for head in body["heads"] if head["predicts"] == "success"):
            slope, offset = head["platt"]
            ours = [loader.sigmoid(slope * z + offset) for z in walk(head, columns).tolist()]
            predict = router.heads[place].success.probability
            said = [predict(router.entries(loader.Request({"prompt": row[0]}))) for row in rows]
            same = sum(a == b for a, b in zip(ours, said))
            print(f"trees, {head['model']}: {same} of {len(rows)} probabilities equal to the last digit")
            if same != len(rows):
                wrong.append(f"{head['model']}: {len(rows) - same} probabilities differ from the walk")
    print("\n".join(wrong) or "the learners agree")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
