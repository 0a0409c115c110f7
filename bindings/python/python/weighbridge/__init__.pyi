import os
from collections.abc import Iterable
from typing import Any, Final, TypedDict, final

__all__ = ["Decision", "Prediction", "Request", "Router", "RouterError", "__version__"]

__version__: Final[str]

class RouterError(ValueError):
    """A router file, a request or a batch that cannot be taken: one line, with field and mend."""

class Request(TypedDict, total=False):
    """What is known when a request arrives. Every field may be absent or None; others are passed over."""

    at: str | None
    prompt: str | None
    task: str | None
    tenant: str | None
    session: str | None
    turn: int | None
    channel: str | None
    region: str | None
    needs: list[str] | None
    input_tokens: int | None
    max_output_tokens: int | None
    prefix: list[str] | None
    embedding: list[float] | None
    value_usd: float | None
    wrong_usd: float | None
    second_usd: float | None
    deadline_ms: int | None

class Prediction(TypedDict):
    """What the heads of one model predict."""

    model: str
    success: float
    output_tokens: float

class Decision(TypedDict):
    """Where a request goes: parts per million by endpoint id, in the order of the file."""

    choice: dict[str, int]
    unanswered_ppm: int
    fell_back_ppm: int
    predictions: list[Prediction]

@final
class Router:
    """A checked router, ready to decide, from any number of threads. Made by `load` or `from_bytes`."""

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Router:
        """Load and verify a router file."""

    @classmethod
    def from_bytes(cls, data: bytes | bytearray) -> Router:
        """The same for the bytes of a router file."""

    def to_bytes(self) -> bytes:
        """The router file: the same router gives the same bytes."""

    @property
    def endpoints(self) -> list[str]:
        """The ids of the endpoints that a decision may name, in the order of the file."""

    @property
    def models(self) -> list[str]:
        """The models that the heads predict, in the order of the file."""

    def route(self, request: Request | dict[str, Any]) -> Decision:
        """Decide a request: the fields of a decision line, without the id."""

    def route_many(self, requests: Iterable[Request | dict[str, Any]]) -> list[Decision]:
        """Decide many requests: a decision each, in their order."""

    def route_jsonl(self, lines: bytes | bytearray) -> bytes:
        """Decide the lines of a trace or of a list of requests, as `weighbridge decide` does: the decision lines."""

    def draw(self, decision: Decision | dict[str, Any], id: str) -> tuple[str | None, float]:
        """The endpoint that a request of this id goes to and the probability with which it was drawn;
        no endpoint where the draw falls on the unanswered share."""
