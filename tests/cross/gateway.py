"""What the tests of gateways share: a catalog that is alive on any day, the binary, the traffic that is
sent, with the request object that each must be read as, and who was reached.
"""

import datetime
import hashlib
import json
import socket
import subprocess
from pathlib import Path

from upstream import TOOLS

ROOT = Path(__file__).resolve().parents[2]
DRIVER, SPECIALIST = "deepseek-v3.2@deepseek", "deepseek-v3.2-speciale@deepseek"
# So many requests for each endpoint.
EACH = 60
# Endpoints that are alive on any day that this runs; the specialist has no tools.
CATALOG = """format = "weighbridge.catalog/1"
[[endpoint]]
id = "deepseek-v3.2@deepseek"
model = "deepseek-v3.2"
can = ["tools"]
ttft_ms = 2000
tokens_per_second = 20
[[endpoint.price]]
usd_per_mtok = { input = 0.28, cached = 0.028, output = 0.42 }
source = "test"
[[endpoint]]
id = "deepseek-v3.2-speciale@deepseek"
model = "deepseek-v3.2-speciale"
can = []
ttft_ms = 2000
tokens_per_second = 20
[[endpoint.price]]
usd_per_mtok = { input = 0.28, cached = 0.028, output = 0.42 }
source = "test"
"""


def mixture(driver, specialist):
    """A policy that draws."""
    return f"""format = "weighbridge.policy/1"
fallback = ["driver"]
[choose]
kind = "random"
weights = {{ driver = {driver}, specialist = {specialist} }}
"""


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part)[:2000] for part in what))


class Tool:
    """The binary."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        (folder / "catalog.toml").write_text(CATALOG)

    def run(self, *arguments, given=None):
        done = subprocess.run([self.binary, *map(str, arguments)], input=given, capture_output=True, text=True, cwd=ROOT)
        check(done.returncode == 0, arguments, done.stderr)
        return done.stdout

    def export(self, policy, name, target):
        roles = ["--driver", DRIVER, "--specialist", SPECIALIST, "--catalog", self.folder / "catalog.toml"]
        self.run("export", policy, "--to", target, "-o", self.folder / name, *roles)
        return self.folder / name

    def decide(self, folder, requests):
        """The endpoint and propensity of each (id, request), drawn as docs/serve.md says."""
        lines = "".join(json.dumps({"id": id, "request": request}) + "\n" for id, request in requests)
        drawn = []
        for line in self.run("decide", folder / "policy.router.json", "-", given=lines).splitlines():
            decision = json.loads(line)
            hashed = hashlib.sha256(b"weighbridge.draw/1\x00" + decision["id"].encode()).digest()
            place, found = int.from_bytes(hashed[:8], "big") * 1_000_000 // 2**64, None
            for endpoint, ppm in decision["choice"].items():
                if found is None and place < ppm:
                    found = (endpoint, ppm / 1e6)
                place -= ppm
            drawn.append(found)
        return drawn


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def traffic(count):
    """(id, chat body, request) of the bundled trace: the request by hand, the rest as a client sends it."""
    made = []
    with open(ROOT / "traces/engineering.jsonl", encoding="utf-8") as file:
        next(file)
        for line in file:
            told = json.loads(line)
            request = told["request"]
            if len(made) == count:
                break
            prompt, tools = request["prompt"], "tools" in request.get("needs", [])
            system = "You help engineers."
            size = len((prompt + system).encode())
            body = {"model": "auto", "messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}]}
            body |= {"metadata": {name: request[name] for name in ("task", "session") if name in request}, "user": request["tenant"]}
            plain = {"prompt": prompt, "at": now(), "input_tokens": -(-size // 4), "tenant": request["tenant"]}
            plain |= body["metadata"]
            if tools:
                body["tools"] = TOOLS
                plain["needs"] = ["tools"]
            if len(made) % 3 == 0:
                body["max_tokens"] = plain["max_output_tokens"] = 500
            made.append((told["id"], body, plain))
    return made


def reached(upstreams, before):
    """Who got a request since `before`, with its body."""
    got = [(name, asked) for name, upstream in upstreams.items() for asked in upstream.asked[before[name] :]]
    check(len(got) == 1, "not one upstream was asked:", [name for name, _ in got])
    return got[0]


def counts(upstreams):
    return {name: len(upstream.asked) for name, upstream in upstreams.items()}
