import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, final

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

__version__: Final[str]

class RouterError(ValueError):
    """A router file, a request or a batch that cannot be taken: one line, with field and mend."""

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

    def route(self, request: Request | dict[str, Any], *, at: str | None = None) -> Decision:
        """Decide a request: the fields of a decision line, without the id. `at`: when it arrived, if it
        does not say so itself."""

    def route_chat(self, body: Mapping[str, Any] | str | bytes, *, at: str | None = None) -> Decision:
        """Decide what an OpenAI chat body asks for: a dict, or its JSON text. `at`: when it arrived."""

    def route_many(self, requests: Iterable[Request | dict[str, Any]], *, at: str | None = None) -> list[Decision]:
        """Decide many requests: a decision each, in their order. `at`: when those arrived that do not
        say so themselves."""

    def route_jsonl(self, lines: bytes | bytearray, *, at: str | None = None) -> bytes:
        """Decide the lines of a trace or of a list of requests, as `weighbridge decide` does: the decision
        lines. `at`: when requests arrived that do not say so themselves."""

    def draw(self, decision: Decision | dict[str, Any], id: str) -> tuple[str | None, float]:
        """The endpoint that a request of this id goes to and the probability with which it was drawn;
        no endpoint where the draw falls on the unanswered share."""

@final
class Tally:
    """Sums of recorded requests under policies, as `weighbridge replay` counts them, in parts that merge.

    Rows come as Arrow columns in the long form, one row an outcome: `id` and `model`, and of the
    other columns of docs/formats.md those that are known, by their names there. Rows of one request
    stand together; those of the first and the last request of a batch may go on in other batches,
    which is why these two stay open until `finish`. In whatever batches, order and number of parts
    the rows come, finished tallies are the same bytes.
    """

    def __new__(
        cls,
        policies: dict[str, Router],
        *,
        value_usd: float | None = None,
        wrong_usd: float | None = None,
        second_usd: float | None = None,
        pass_at: float | None = None,
        as_of: str | None = None,
        catalog: list[str] = ...,
        seed: int = 1,
        replicates: int = 1000,
    ) -> Tally:
        """What to count: as `weighbridge replay -p ... --value ... --as-of ... --catalog ...`."""

    def update(self, data: ArrowArray | ArrowStream, *, whole: bool = False) -> None:
        """Add the rows of Arrow data: all of it, or nothing where something is wrong. `whole`: no
        request of it has rows elsewhere."""

    def merge(self, other: Tally | bytes | ArrowArray | ArrowStream) -> None:
        """Add another tally, the bytes of one, or Arrow data with a column `tally` of such bytes."""

    def finish(self) -> dict[str, Any]:
        """All rows have been given: count what is open. Returns the figures."""

    def figures(self) -> dict[str, Any]:
        """The figures of what was given so far, open requests included."""

    def to_bytes(self) -> bytes:
        """The state, to be merged elsewhere."""

    @property
    def requests(self) -> int:
        """Requests that are counted."""

    @property
    def open(self) -> int:
        """Requests of which another batch may tell more."""

    @property
    def spec_sha256(self) -> str:
        """The hash of what the tally is about: tallies merge where it is equal."""
