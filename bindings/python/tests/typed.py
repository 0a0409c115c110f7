"""What a user of the stubs writes; `mypy --strict` reads it, nobody runs it."""

from typing import Any

from weighbridge import Decision, Request, Router, RouterError, Tally


def choose(path: str, prompt: str) -> str | None:
    try:
        router = Router.load(path)
    except RouterError:
        return None
    request: Request = {"prompt": prompt, "needs": ["tools"], "value_usd": 0.5}
    decision: Decision = router.route(request)
    shares: dict[str, int] = decision["choice"]
    tokens = [prediction["output_tokens"] for prediction in decision["predictions"]]
    assert sum(shares.values()) + decision["unanswered_ppm"] == 1_000_000 and max(tokens) >= 0.0
    router.route_many({"prompt": line} for line in prompt.splitlines())
    router.route_chat({"messages": []}, at="2025-12-02")
    endpoint, propensity = router.draw(decision, "r-1")
    return endpoint if propensity > 0.5 else None


def count(router: Router, batch: Any) -> float:
    tally = Tally({"learned": router}, value_usd=2.0)
    tally.update(batch)
    tally.merge(tally.to_bytes())
    return float(tally.finish()["policies"][0]["success"]["x"])
