"""The figures of a replay in vectorised numpy, for comparison with `benches/replay.rs`.

    python replay_numpy.py FOLDER

FOLDER holds little-endian int64 columns of two endpoints' outcomes. For two fixed policies and
eight thresholds it works out what the replay does: who may take the request (context and the price row in force), where it goes,
the mass that falls back; on which requests every policy's success, cost and net value is known, and
their sums there in whole numbers; each policy's own success and what of it is unobserved, for the
bounds; how much rests on which evidence; the histograms of latency and cost that quantiles are read
from; and the products of the policies' costs. Prints JSON: seconds
(best of five) and the figures. Python 3.9, numpy 1.24 or newer.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

RATES = [(280_000, 28_000, 420_000), (400_000, 40_000, 1_200_000)]  # picodollars a token
CONTEXT = [131_072, 8_192]
TTFT_MS = [1500, 2000]
SPEED = [20.0, 25.0]
VALUE = 500_000_000_000  # picodollars
FROM = 1_764_547_200_000  # ms: 2025-12-01, when the price rows begin
RULES = [None, None] + [("prompt_bytes", x) for x in (30, 60, 90, 110)]
RULES += [("input_tokens", x) for x in (500, 2000, 6000, 9000)]


def bucket(values):
    """The log-linear bucket of each value, sixteen to an octave."""
    bits = np.frexp(values.astype(np.float64))[1]
    shift = np.maximum(bits - 5, 0)
    return shift * 16 + (values >> shift)


def midpoint(index):
    shift = max(index // 16 - 1, 0)
    lower = (index - shift * 16) << shift
    return lower + ((1 << shift) - 1) // 2


def quantile(histogram, q):
    cumulative = np.cumsum(histogram)
    return midpoint(int(np.searchsorted(cumulative * 1_000_000, int(q * 1e6) * int(cumulative[-1]))))


def charge(columns, place):
    """What one endpoint made of each request: the columns that all policies pick from."""
    fresh, cached, output = RATES[place]
    tokens_in, tokens_cached = columns["input_tokens"], columns[f"cached{place}"]
    tokens_out, score = columns[f"output{place}"], columns[f"score{place}"]
    cost = (tokens_in - tokens_cached) * fresh + tokens_cached * cached + tokens_out * output
    latency = np.round(TTFT_MS[place] + tokens_out / SPEED[place] * 1000).astype(np.int64)
    net = VALUE * (score // 1_000_000) - cost
    eligible = (tokens_in <= CONTEXT[place]) & (columns["at"] >= FROM)
    known_score, known_cost = score >= 0, tokens_out >= 0
    known = known_score | (known_cost << 1) | ((known_score & known_cost) << 2)
    facts = 1 | (eligible.astype(np.int64) << 1) | (known_cost.astype(np.int64) << 2) | (1 << 5)
    buckets = bucket(latency).astype(np.int16), bucket(cost // 1000).astype(np.int16)
    return {
        "eligible": eligible,
        "score": score,
        "cost": cost,
        "net": net,
        "latency": buckets[0],
        "spread": buckets[1],
        "known": known.astype(np.uint8),
        "facts": facts.astype(np.uint8),
    }


def replay(columns):
    cheap, dear = charge(columns, 0), charge(columns, 1)
    # Where each policy sends each request, and on which requests all of them are known.
    decided, support = [], np.full(len(columns["input_tokens"]), 7, dtype=np.uint8)
    for place, rule in enumerate(RULES):
        if rule is None:
            wants_dear = np.full(len(support), place == 1)
        else:
            wants_dear = columns[rule[0]] > rule[1]
        taken = np.where(wants_dear, dear["eligible"], cheap["eligible"])
        goes_dear = wants_dear & taken
        support &= np.where(goes_dear, dear["known"], cheap["known"])
        decided.append((goes_dear, int((~taken).sum())))
    on = [(support >> bit & 1).astype(bool) for bit in range(3)]
    whole = [mask.all() for mask in on]
    figures, costs = [], []
    for goes_dear, fell_back in decided:
        picked = {name: np.where(goes_dear, dear[name], cheap[name]) for name in dear if name != "eligible"}
        totals = [
            int((column if all_known else column[mask]).sum())
            for column, mask, all_known in zip((picked["score"], picked["cost"], picked["net"]), on, whole)
        ]
        own = picked["known"] & 1 == 1
        facts = np.bincount(picked["facts"], minlength=256)
        latency = np.bincount(picked["latency"])
        np.bincount(picked["spread"])
        costs.append(np.rint(picked["cost"] / 1e6))
        figures.append(
            {
                "share_dear": str(int(goes_dear.sum())),
                "fell_back": str(fell_back),
                "success": str(totals[0]),
                "cost": str(totals[1]),
                "net": str(totals[2]),
                "own_success": str(int(picked["score"][own].sum())),
                "unobserved": str(int((~own).sum())),
                "uncosted": str(int((picked["known"] & 2 == 0).sum())),
                "priced": str(int(facts[np.arange(256) & 4 != 0].sum())),
                "p50": str(quantile(latency, 0.50)),
                "p95": str(quantile(latency, 0.95)),
            }
        )
    matrix = np.stack(costs)
    return figures, matrix @ matrix.T


def main():
    folder = Path(sys.argv[1])
    columns = {path.name: np.fromfile(path, dtype="<i8") for path in folder.iterdir()}
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        figures, _ = replay(columns)
        seconds.append(time.perf_counter() - start)
    json.dump({"seconds": min(seconds), "policies": figures}, sys.stdout)


if __name__ == "__main__":
    main()
