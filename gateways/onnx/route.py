#!/usr/bin/env python3
"""Route by a Weighbridge router whose heads run as an ONNX model (Python 3.9+, numpy, onnxruntime).

    python route.py --at now < requests.jsonl

prints a decision a line, as `weighbridge decide` does; requests without `at` arrive at the moment of --at. Three steps:

1. features: the one-file loader reads a request into a dense row of 32-bit floats,
2. heads: `heads.onnx` makes each model's probability and output tokens of it,
3. decision: the loader weighs them by prices, limits, rules and the trade of policy.router.json.

Only step 2 is ONNX: a program in another language that takes it over takes the features from step 1.
Its numbers are 32-bit, so a decision between endpoints whose net values differ by less than some
millionths of the value of an answer may fall the other way than in 64 bits.

As a library:

    router = OnnxRouter(folder)
    router.decide([{"prompt": "Prove that ...", "at": "2025-12-02"}, ...])
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy
import onnxruntime

import weighbridge_router as loader

HERE = Path(__file__).resolve().parent
BATCH = 64  # requests at once: a row may have more than 200,000 columns


class OnnxRouter:
    """A router file whose heads are run by onnxruntime."""

    def __init__(self, folder=HERE):
        folder = Path(folder)
        try:
            data = (folder / "policy.router.json").read_bytes()
        except OSError as error:
            raise loader.RouterError(f"the file cannot be read: {error}") from None
        self.router = loader.from_bytes(data)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the heads are small
        try:
            self.session = onnxruntime.InferenceSession(
                folder / "heads.onnx", options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors have no base of their own
            raise loader.RouterError(f"cannot be loaded: {error}", "heads.onnx") from None
        said = self.session.get_modelmeta().custom_metadata_map
        models = json.dumps([heads.model for heads in self.router.heads], separators=(",", ":"), ensure_ascii=False)
        if said.get("weighbridge.router_sha256") != hashlib.sha256(data).hexdigest():
            raise loader.RouterError("made for another policy.router.json; export both anew", "heads.onnx")
        if said.get("weighbridge.models") != models:
            raise loader.RouterError("the models stand in another order than in the file", "heads.onnx")

    def features(self, requests):
        """A dense row a request. Values are rounded up to 32 bits: then a tree's split, whose
        threshold is a 32-bit float, sends them the way that it sends the 64-bit value."""
        exact = numpy.zeros((len(requests), self.router.columns))
        for row, request in zip(exact, requests):
            for column, value in self.router.entries(request):
                row[column] = value
        rows = exact.astype(numpy.float32)
        lower = rows < exact
        rows[lower] = numpy.nextafter(rows[lower], numpy.float32(numpy.inf))
        return rows

    def predict(self, requests):
        """For each request probability and tokens of each model; none without a prompt."""
        asked = [request for request in requests if request.prompt is not None]
        said = iter(())
        if asked:
            feed = {"features": self.features(asked)}
            success, tokens = self.session.run(["success", "output_tokens"], feed)
            said = (list(zip(*pair)) for pair in zip(success.tolist(), tokens.tolist()))
        return [[] if request.prompt is None else next(said) for request in requests]

    def decide(self, requests):
        """A Decision a request: dicts, or Requests of the loader."""
        requests = [r if isinstance(r, loader.Request) else loader.Request(r) for r in requests]
        predictions = self.predict(requests)
        return [self.router.decide(*pair) for pair in zip(requests, predictions)]


def main(arguments):
    """Decide each line of standard input."""
    lines = loader.Lines(sys.stdin.buffer, loader.call(arguments).at, HERE)
    try:
        router, batch = OnnxRouter(), []
        for found in lines:
            batch.append(found)
            if len(batch) == BATCH:
                print_decisions(router, batch)
                batch = []
        print_decisions(router, batch)
    except loader.RouterError as error:
        sys.stdout.flush()
        print(f"error: {lines.place}: {error}", file=sys.stderr)
        return 1
    lines.remark()
    return 0


def print_decisions(router, batch):
    """A line for each pair of id and request."""
    ids, requests = [id for id, _ in batch], [request for _, request in batch]
    for id, decision in zip(ids, router.decide(requests)):
        sys.stdout.buffer.write(decision.line(id).encode("utf-8") + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
