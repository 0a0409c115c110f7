"""Load a Weighbridge router file and decide which model a request deserves.

    router = weighbridge.Router.load("my.router.json")
    decision = router.route({"prompt": "Prove that it converges.", "task": "math"})
    endpoint, propensity = router.draw(decision, "request-17")
"""

from ._weighbridge import Router, RouterError, Tally, __version__
from .types import ArrowArray, ArrowStream, Decision, Prediction, Request

__all__ = [
    "ArrowArray",
    "ArrowStream",
    "Decision",
    "Prediction",
    "Request",
    "Router",
    "RouterError",
    "Tally",
    "__version__",
]
