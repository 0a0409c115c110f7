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


def seeds():
    """(target, bytes)."""
    for file in sorted((ROOT / "tests/corpus/router/1").glob("*.json")):
        yield "router_file", b"\n".join(file.read_bytes().split(b"\n")[1:-2]) + b"\n"
    lines = (ROOT / "traces/engineering.jsonl").read_bytes().split(b"\n")
    for start in range(1, 60, 6):
        yield "trace", b"\n".join([lines[0], *lines[start : start + 6], b""])
        yield "request", json.dumps(json.loads(lines[start])["request"]).encode()
    logged = json.loads(lines[1])
    logged["outcomes"] = logged["outcomes"][:1]
    logged["logged"] = {"endpoint": "deepseek-v3.2@deepseek", "propensity": 0.95, "policy": "p"}
    yield "trace", lines[0] + b"\n" + json.dumps(logged).encode() + b"\n"
    yield "trace", b'{"id":"r-1","score":1,"endpoint":"deepseek-v3.2@deepseek","output_tokens":3}\n'
    yield "request", json.dumps(CHAT).encode()
    for folder in ("policies", "models/catalog"):
        for file in sorted((ROOT / folder).glob("*.toml")):
            yield "policy", file.read_bytes()
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
