"""One router, every runtime, the same decisions.

Usage: everywhere.py [--binary PATH] [--litellm PYTHON] [--router FILE] with a Python that has numpy, onnxruntime and the
wheel (`weighbridge`); PYTHON is one that has `litellm[proxy]` (default: this one); FILE is decided by instead of training one.

A router is trained on traffic of the bundled scenario and exported to every target. 2,000 prompts that
it never saw are then decided by the Rust crate (`weighbridge decide`), the one-file Python loader, the
wheel, onnxruntime behind the folder's feature step, LiteLLM's proxy with the exported folder, and
`weighbridge serve`. Each must choose the same endpoint for each prompt. The upstreams behind the proxy
are fakes that say which one was reached. Times are of one decision; the machine is as loaded as it is.
"""

import argparse
import http.client
import importlib
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from gateway import Tool, check, free_port, traffic  # noqa: E402
from upstream import Upstream  # noqa: E402

PROMPTS = 2000
TRAINING = 8000
# A 32-bit net value may fall on the other side of one that is nearer than this, in USD.
NEAR_TIE = 1e-5


def chosen(decision):
    """The endpoint that takes a request as a whole; none: nobody does."""
    choice = decision["choice"]
    check(len(choice) <= 1 and sum(choice.values()) + decision["unanswered_ppm"] == 1_000_000, decision)
    return next(iter(choice), None)


def timed(work, repeats=3):
    """The result, and the least seconds that it took."""
    best = None
    for _ in range(repeats):
        began = time.perf_counter()
        result = work()
        took = time.perf_counter() - began
        best = took if best is None else min(best, took)
    return result, best


def trained(tool, folder):
    trace, router = folder / "traffic.jsonl", folder / "trained.router.json"
    tool.run("generate", "-o", trace, "--requests", TRAINING, "--seed", 11)
    roles = ["--driver", "deepseek-v3.2", "--specialist", "deepseek-v3.2-speciale"]
    # What is at stake here is that all decide alike, not whether the router is worth shipping.
    rules = ["--value", 2, "--allow-no-gain", "-q", "--catalog", folder / "catalog.toml"]
    tool.run("train", trace, *roles, *rules, "-o", router)
    return router


def by_rust(tool, router, requests):
    def decide(times):
        lines = "".join(json.dumps({"id": id, "request": request}) + "\n" for id, _, request in requests)
        return tool.run("decide", router, "-", given=lines * times)

    # Loading and starting cost the same however many lines there are.
    out, once = timed(lambda: decide(1))
    _, five = timed(lambda: decide(5))
    found = [chosen(json.loads(line)) for line in out.splitlines()]
    return found, (five - once) / (4 * len(requests))


def by_loader(router, requests):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gateways/python"))
    loader = importlib.import_module("weighbridge_router")
    loaded = loader.load(router)
    sys.path.pop(0)

    def decide():
        return [loaded.decide(loader.Request(request)) for _, _, request in requests]

    decisions, took = timed(decide, 1)
    lines = [json.loads(decision.line("x")) for decision in decisions]
    return [chosen(line) for line in lines], took / len(requests)


def by_wheel(router, requests):
    import weighbridge

    loaded = weighbridge.Router.load(router)
    asked = [request for _, _, request in requests]
    found, took = timed(lambda: [loaded.route(request) for request in asked])
    batch, batch_took = timed(lambda: loaded.route_many(asked))
    check(batch == found, "a batch decides otherwise than single calls")
    return [chosen(decision) for decision in found], took / len(asked), batch_took / len(asked)


def by_onnx(folder, requests):
    for name in ("weighbridge_router", "route"):
        sys.modules.pop(name, None)
    sys.path.insert(0, str(folder))
    route = importlib.import_module("route")
    sys.path.pop(0)
    runtime = route.OnnxRouter(folder)
    asked = [request for _, _, request in requests]

    def decide():
        return [d for at in range(0, len(asked), 64) for d in runtime.decide(asked[at : at + 64])]

    decisions, took = timed(decide, 1)
    return [chosen(json.loads(decision.line("x"))) for decision in decisions], took / len(asked)


def by_serve(binary, router, requests, log):
    with open(log, "w+", encoding="utf-8") as file:
        process = subprocess.Popen([binary, "serve", str(router), "--listen", "127.0.0.1:0"], stdout=file, stderr=file)
        try:
            deadline = time.monotonic() + 60
            while "http://" not in (text := log.read_text()):
                check(process.poll() is None and time.monotonic() < deadline, text)
                time.sleep(0.02)
            address = text.split("http://", 1)[1].split("/", 1)[0].split()[0]
            connection, found = http.client.HTTPConnection(address, timeout=60), []

            def ask():
                found.clear()
                for id, _, request in requests:
                    connection.request("POST", "/v1/route", json.dumps({"id": id, "request": request}))
                    answer = connection.getresponse()
                    told = json.loads(answer.read())
                    check(answer.status == 200, told)
                    check(chosen(told) == told["endpoint"], told)
                    found.append(told["endpoint"])

            _, took = timed(ask)
            return list(found), took / len(requests)
        finally:
            process.terminate()
            check(process.wait(60) == 0, log.read_text()[-2000:])


def by_litellm(python, folder, requests):
    """Where the proxy sends each chat body, by what the upstream answers; and the plugin's own time."""
    import yaml

    folder = Path(shutil.copytree(folder, folder.parent / "litellm-run"))
    key, port, upstreams = "sk-" + secrets.token_hex(16), free_port(), {}
    environment = {**os.environ, "LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONDONTWRITEBYTECODE": "1"}
    config = folder / "config.yaml"
    for entry in yaml.safe_load(config.read_text())["model_list"]:
        name, sent = entry["model_name"], entry["litellm_params"]
        if name != "auto":
            upstream = upstreams.setdefault(name, Upstream(name))
            environment[sent["api_base"].removeprefix("os.environ/")] = upstream.base
            environment[sent["api_key"].removeprefix("os.environ/")] = "key"
    command = [str(Path(python).parent / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    kept, times = threading.local(), []

    def ask(path, body, id):
        if not hasattr(kept, "connection"):
            kept.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "x-request-id": id}
        kept.connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
        answer = kept.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def one(asked):
        id, body, _ = asked
        status, headers, text = ask("/v1/chat/completions", body, id)
        if headers.get("x-weighbridge-unanswered") == "1":
            return None
        check(status == 200 and "x-weighbridge-degraded" not in headers, id, status, text[:500])
        reached = json.loads(text)["choices"][0]["message"]["content"]
        check(headers["x-weighbridge-endpoint"] == headers["x-weighbridge-served"] == reached, id, headers)
        times.append(int(headers["x-weighbridge-hook-us"]))
        return reached

    with open(folder / "proxy.log", "wb") as log:
        process = subprocess.Popen(command, cwd="/", env=environment, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 240
            while True:
                check(process.poll() is None and time.monotonic() < deadline, (folder / "proxy.log").read_text()[-3000:])
                try:
                    if ask("/health/liveliness", None, "x")[0] == 200:
                        break
                except OSError:
                    del kept.connection
                    time.sleep(0.3)
            with ThreadPoolExecutor(8) as pool:
                found = list(pool.map(one, requests))
            said = (folder / "proxy.log").read_text(errors="replace")
            print("in LiteLLM's proxy the", "wheel" if "the wheel decides" in said else "one-file loader", "decides")
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
            for upstream in upstreams.values():
                upstream.close()
    return found, statistics.median(times) / 1e6


def main(binary, python, router):
    sys.dont_write_bytecode = True
    wrong = []
    with tempfile.TemporaryDirectory(prefix="weighbridge-everywhere-") as name:
        folder = Path(name)
        tool, requests = Tool(binary, folder), traffic(PROMPTS)
        router = router or trained(tool, folder)
        for target in ("litellm", "onnx", "envoy"):
            tool.run("export", router, "--to", target, "-o", folder / target)
            tool.run("verify", folder / target)
            check((folder / target / "policy.router.json").read_bytes() == router.read_bytes(), target)
        refused = subprocess.run([binary, "export", router, "--to", "vllm-sr", "-o", folder / "vllm-sr"], capture_output=True, text=True)
        check(refused.returncode == 1 and not (folder / "vllm-sr").exists(), refused.stderr)
        print("vllm-sr refuses it:", refused.stderr.strip().splitlines()[0][:200])

        expected, took = by_rust(tool, router, requests)
        counts = {endpoint: expected.count(endpoint) for endpoint in sorted(set(expected), key=str)}
        check(len(counts) > 1 and min(counts.values()) > 20, "the prompts tell nothing:", counts)
        print(f"{len(requests)} prompts, to", ", ".join(f"{endpoint} {n}" for endpoint, n in counts.items()))
        print(f"Rust, `decide` with its JSON: {took * 1e6:.1f} us a decision")

        def compare(what, found, took, may_tie=False):
            moved = [place for place, (a, b) in enumerate(zip(expected, found, strict=True)) if a != b]
            if may_tie:
                moved = [place for place in moved if not near_tie(tool, router, requests[place][2])]
            print(f"{what}: {took * 1e6:.1f} us a decision; {len(moved)} decided otherwise")
            wrong.extend(f"{what}: {requests[p][0]} goes to {found[p]} and not to {expected[p]}" for p in moved[:5])

        compare("one-file Python", *by_loader(router, requests))
        found, single, batch = by_wheel(router, requests)
        compare("the wheel, single calls", found, single)
        print(f"the wheel, a batch: {batch * 1e6:.1f} us a decision")
        compare("onnxruntime with the feature step, 64 at a time", *by_onnx(folder / "onnx", requests), may_tie=True)
        compare("serve, one client, one connection", *by_serve(binary, router, requests, folder / "serve.log"))
        compare("LiteLLM's proxy, within its hook (median)", *by_litellm(python, folder / "litellm", requests))
    print("\n".join(wrong) or "everywhere the same")
    return 1 if wrong else 0


def near_tie(tool, router, request):
    told = json.loads(tool.run("explain", router, "--request", json.dumps(request), "--format", "json"))
    return told["margin_usd"] is not None and told["margin_usd"] < NEAR_TIE


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=Path(__file__).resolve().parents[2] / "target/release/weighbridge")
    parser.add_argument("--litellm", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--router", type=Path)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(main(str(given.binary.resolve()), given.litellm, given.router and given.router.resolve()))
