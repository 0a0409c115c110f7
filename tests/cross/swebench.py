"""Success and bill of fixed choices, a mixture and hindsight on SWE-bench agents, counted in decimal.

    python3 swebench.py outcomes.csv DRIVER SPECIALIST SHARE

Each bill is rounded half-even to picodollars, sums are exact, a mixture's sum is rounded once.
"""

import csv
import json
import sys
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

PICO = Decimal("1e-12")


def rounded(amount):
    return amount.quantize(PICO, rounding=ROUND_HALF_EVEN)


def plain(amount):
    text = format(rounded(amount), "f")
    return text.rstrip("0").rstrip(".")


def main(path, driver, specialist, share):
    tasks = defaultdict(dict)
    repository = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            # The bill as a double holds it, which is what a recorder's JSON would say.
            bill = rounded(Decimal(float(row["cost_usd"])))
            tasks[row["instance_id"]][row["model"]] = (Decimal(row["resolved"]), bill)
            repository[row["instance_id"]] = row["repo"]
    share = Decimal(share)

    def mixed(outcomes):
        pair = (outcomes[driver], outcomes[specialist])
        return tuple((1 - share) * a + share * b for a, b in zip(*pair))

    choices = {
        "driver": lambda outcomes: outcomes[driver],
        "opus": lambda outcomes: outcomes[specialist],
        "mixed": mixed,
        "hindsight": lambda outcomes: max(outcomes.values(), key=lambda outcome: (outcome[0], -outcome[1])),
    }
    found = {}
    for name, choose in choices.items():
        groups = defaultdict(list)
        for task, outcomes in tasks.items():
            chosen = choose(outcomes)
            groups["all"].append(chosen)
            groups[repository[task]].append(chosen)
        found[name] = {
            group: {
                "n": len(chosen),
                "success": float(sum(score for score, _ in chosen) / len(chosen)),
                "bill": plain(sum(bill for _, bill in chosen)),
            }
            for group, chosen in groups.items()
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    with localcontext() as context:
        context.prec = 60
        main(*sys.argv[1:])
