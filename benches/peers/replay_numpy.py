"""The figures of a replay in vectorised numpy, for comparison with `benches/replay.rs`.

    python replay_numpy.py FOLDER

FOLDER holds little-endian int64 columns of two endpoints' outcomes. For two fixed policies and
eight thresholds it works out what the replay does: who may take the request, where it goes, the
mass that falls back, success, cost and net value in whole numbers, the histograms of latency and
cost that quantiles are read from, and the products of the policies' costs. Prints JSON: seconds
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


def replay(columns):
    outcomes = []
    for place in range(2):
        fresh, cached, output = RATES[place]
        tokens_in, tokens_cached = columns["input_tokens"], columns[f"cached{place}"]
        tokens_out, score = columns[f"output{place}"], columns[f"score{place}"]
        cost = (tokens_in - tokens_cached) * fresh + tokens_cached * cached + tokens_out * output
        latency = np.round(TTFT_MS[place] + tokens_out / SPEED[place] * 1000).astype(np.int64)
        net = VALUE * (score // 1_000_000) - cost
        eligible = tokens_in <= CONTEXT[place]
        outcomes.append((eligible, score, cost, net, bucket(latency), bucket(cost // 1000)))
    figures, costs = [], []
    for place, rule in enumerate(RULES):
        if rule is None:
            dear = np.full(len(columns["input_tokens"]), place == 1)
        else:
            dear = columns[rule[0]] > rule[1]
        wanted = np.where(dear, outcomes[1][0], outcomes[0][0])
        goes_dear = dear & wanted
        chosen = [np.where(goes_dear, outcomes[1][i], outcomes[0][i]) for i in range(1, 6)]
        score, cost, net, latency_bucket, cost_bucket = chosen
        latency = np.bincount(latency_bucket)
        np.bincount(cost_bucket)
        costs.append(np.rint(cost / 1e6))
        figures.append(
            {
                "share_dear": str(int(goes_dear.sum())),
                "fell_back": str(int((~wanted).sum())),
                "success": str(int(score.sum())),
                "cost": str(int(cost.sum())),
                "net": str(int(net.sum())),
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
