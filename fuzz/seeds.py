"""Seeds for the fuzz targets, of the files that the repository has anyway.

Usage: seeds.py FOLDER. Writes FOLDER/TARGET/*.
"""

import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVENTS = [
    b"data: a\n\ndata: b\n\n",
    b"\xef\xbb\xbf: ping\r\n\r\nevent: error\r\ndata:x\r\ndata: y\r\n\r\n",
    b"id: 1\nretry: 3\ndata\r\rdata: [DONE]\n",
    b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}\n\ndata: [DONE]\n\n',
]
CHAT = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Prove it."}, {"type": "image_url", "image_url": {"url": "data:"}}]},
    ],
    "tools": [{"type": "function"}],
    "max_tokens": 9,
    "user": "u",
    "metadata": {"task": "math", "session": "s", "value_usd": "0.5", "deadline_ms": 3000},
}

REPORTS = [
    {"id": "r-1", "score": 1},
    {"id": "r-2", "at": "2025-12-02T09:20:00Z", "endpoint": "a@x", "status": "ok", "output_tokens": 7, "cost_usd": 0.01},
    {"id": "r-3", "input_tokens": 9, "cached_tokens": 4, "reasoning_tokens": 2, "ttft_ms": 3, "latency_ms": 5},
]
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
ANSWER = {"choices": [{"index": 0, "finish_reason": "stop"}], "usage": USAGE}
# An offset that leads out of the years that a time can have.
EARLY = {"at": "0000-01-01T00:00:00+00:01"}
SETTINGS = """value=0.02..20:log10
price.deepseek-v3.2.output*=3
available."deepseek-v3.2@deepseek".until=2026-01-01,never
share.task."math"=0.5
tokens.deepseek-v3.2+=100
"""
WHAT_IF = """format = "weighbridge.world/1"
value = "0.1..10"
[price."deepseek-v3.2"]
output = "*=2"
[[endpoint]]
id = "deepseek-v3.2@here"
like = "deepseek-v3.2@deepseek"
usd_per_mtok = { input = 0.1, cached = 0.1, output = 0.2 }
"""
SHEET = b"""model,provider,input_usd_per_mtok,output_usd_per_mtok
m,p,0.28,0.42
"""


def rows(*lines):
    return b"\n".join(json.dumps(line).encode() for line in lines)


def asked(method, path, body=b"", more=""):
    """A request as it goes over a socket."""
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{more}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def sockets():
    """Bytes of connections."""
    route = json.dumps({"id": "s-1", "request": {"prompt": "Prove it.", "task": "math"}}).encode()
    yield asked("POST", "/v1/route", route) + asked("GET", "/healthz")
    yield asked("POST", "/v1/route/any/path?x=1", json.dumps(CHAT).encode(), "x-request-id: s-2\r\n")
    yield asked("POST", "/v1/route", json.dumps({"requests": [{"id": "s-3", "request": EARLY}, {"request": {}}]}).encode())
    yield asked("POST", "/v1/feedback", json.dumps(REPORTS).encode()) + asked("GET", "/metrics")
    yield asked("POST", "/v1/chat/completions", json.dumps(CHAT).encode())
    yield b"POST /v1/route HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nE\r\n{\"request\":{}}\r\n0\r\n\r\n"


def seeds():
    """(target, bytes)."""
    for file in sorted((ROOT / "tests/corpus/router/1").glob("*.json")):
        yield "router_file", b"\n".join(file.read_bytes().split(b"\n")[1:-2]) + b"\n"
    lines = (ROOT / "traces/engineering.jsonl").read_bytes().split(b"\n")
    for start in range(1, 60, 6):
        yield "trace", b"\n".join([lines[0], *lines[start : start + 6], b""])
        request = json.loads(lines[start])["request"]
        yield "request", json.dumps(request).encode()
        yield "rows", rows(request, ANSWER, REPORTS)
    logged = json.loads(lines[1])
    logged["outcomes"] = logged["outcomes"][:1]
    logged["logged"] = {"endpoint": "deepseek-v3.2@deepseek", "propensity": 0.95, "policy": "p"}
    yield "trace", lines[0] + b"\n" + json.dumps(logged).encode() + b"\n"
    yield "trace", b'{"id":"r-1","score":1,"endpoint":"deepseek-v3.2@deepseek","output_tokens":3}\n'
    yield "request", json.dumps(CHAT).encode()
    for folder in ("policies", "models/catalog"):
        for file in sorted((ROOT / folder).glob("*.toml")):
            yield "policy", file.read_bytes()
            yield "catalog", file.read_bytes()
    yield "catalog", SHEET
    for file in sorted((ROOT / "traces/scenarios").glob("*.toml")):
        yield "scenario", file.read_bytes()
    yield "claims", (ROOT / "docs/claims.toml").read_bytes()
    yield "setting", SETTINGS.encode()
    yield "setting", WHAT_IF.encode()
    yield "feedback", rows(*REPORTS)
    yield "rows", rows(CHAT, ANSWER, REPORTS[1])
    yield "rows", rows(EARLY, ANSWER, {**REPORTS[0], **EARLY})
    for sent in sockets():
        yield "socket", sent
    for text in EVENTS:
        yield "events", b"\x03" + text


def main(folder):
    for place, (target, content) in enumerate(seeds()):
        path = folder / target
        path.mkdir(parents=True, exist_ok=True)
        (path / f"seed-{place}").write_bytes(content)
    for kept in sorted((ROOT / "fuzz/found").glob("*/*")):
        shutil.copy(kept, folder / kept.parent.name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
