"""The shapes of what goes in and comes out, for type checkers and readers."""

from __future__ import annotations

from typing import Protocol, TypedDict


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


class ArrowArray(Protocol):
    """A record batch of any library that speaks Arrow's C data interface."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


class ArrowStream(Protocol):
    """A table, a data frame or a reader of any such library."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
