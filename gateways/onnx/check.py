#!/usr/bin/env python3
"""Check this folder before it is used: python check.py

`heads.onnx` belongs to `policy.router.json`, and onnxruntime makes of each golden request of that
file what the file says: probabilities within 1e-5, output tokens within a hundred-thousandth, the
same endpoint. Exit codes: 0 fit, 1 unfit.
"""

import json
import sys
from pathlib import Path

import weighbridge_router as loader
from route import OnnxRouter

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-5


def check(folder=HERE):
    """What was found, or RouterError."""
    router = OnnxRouter(folder)
    golden = json.loads((Path(folder) / "policy.router.json").read_bytes())["body"]["golden"]
    found = router.decide([item["request"] for item in golden])
    worst = {"probability": 0.0, "tokens": 0.0}
    for number, (item, decision) in enumerate(zip(golden, found)):
        path = f"golden[{number}]"
        wanted = item.get("predictions") or []
        if [model for model, _, _ in decision.predictions] != [p["model"] for p in wanted]:
            raise loader.RouterError("other models are predicted than the file says", path)
        for (_, success, tokens), p in zip(decision.predictions, wanted):
            off = abs(success - p["success"])
            off_tokens = abs(tokens - p["output_tokens"]) / max(p["output_tokens"], 1e-30)
            if not (off <= TOLERANCE and off_tokens <= TOLERANCE):
                raise loader.RouterError(
                    f"{p['model']}: probability off by {off:.1e}, tokens by {off_tokens:.1e} of themselves", path
                )
            worst = {"probability": max(worst["probability"], off), "tokens": max(worst["tokens"], off_tokens)}
        shares = {name: share for name, share in item["choice"].items() if share}
        if (decision.choice, decision.unanswered) != (shares, item["unanswered_ppm"]):
            raise loader.RouterError("decided otherwise than the file says", path)
    return (
        f"{len(golden)} golden requests: the same endpoints; probabilities within "
        f"{worst['probability']:.1e}, tokens within {worst['tokens']:.1e} of themselves"
    )


if __name__ == "__main__":
    try:
        print(check())
    except (loader.RouterError, OSError) as error:
        print(f"unfit: {error}", file=sys.stderr)
        sys.exit(1)
