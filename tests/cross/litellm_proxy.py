"""The folder that `export --to litellm` writes, in the real proxy of LiteLLM, before fake upstreams.

Usage: litellm_proxy.py WEIGHBRIDGE [--wheel] with a Python that has `litellm[proxy]`. Every decision is
compared with what `weighbridge decide` prints for a request that is put together here, by hand, from the
rule of docs/export.md; every endpoint is told by the upstream that was reached. With --wheel the wheel
`weighbridge` must be installed, and only what depends on it is looked at. Needs no network.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import http.client
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))
from gateway import DRIVER, EACH, SPECIALIST, Tool, check, counts, free_port, mixture, now, reached, traffic  # noqa: E402
from upstream import TOOLS, Upstream  # noqa: E402

MIXTURE = mixture(0.7, 0.3)
# A callback of a user: what LiteLLM's logging payload holds, a line a call.
CAPTURE = '''
import json, os
from litellm.integrations.custom_logger import CustomLogger

class Capture(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.keep(kwargs, "success")

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self.keep(kwargs, "failure")

    def keep(self, kwargs, event):
        payload = kwargs.get("standard_logging_object") or {}
        kept = {"event": event, "tags": payload.get("request_tags"), "served": payload.get("model_group"),
                "told": (payload.get("metadata") or {}).get("spend_logs_metadata")}
        with open(os.environ["CAPTURED"], "a", encoding="utf-8") as file:
            file.write(json.dumps(kept) + "\\n")

hook = Capture()
'''
class Proxy:
    """LiteLLM's proxy on a copy of a folder."""

    def __init__(self, folder, upstreams, extra=""):
        self.folder = folder
        self.key = "sk-" + secrets.token_hex(16)
        self.captured = folder / "captured.jsonl"
        (folder / "capture.py").write_text(CAPTURE)
        config = folder / "config.yaml"
        text = config.read_text()
        hooked = "callbacks: [weighbridge_plugin.hook, capture.hook]"
        check("callbacks: weighbridge_plugin.hook\n" in text, text)
        # One failure of an only deployment would put it on hold for the tests that follow.
        text = text.replace("callbacks: weighbridge_plugin.hook", hooked) + "\nrouter_settings: {disable_cooldowns: true}\n"
        config.write_text(text + extra)
        self.port = free_port()
        environment = {**os.environ, "LITELLM_MASTER_KEY": self.key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        environment |= {"CAPTURED": str(self.captured), "PYTHONDONTWRITEBYTECODE": "1"}
        for entry in yaml.safe_load(text)["model_list"]:
            name, sent = entry["model_name"], entry["litellm_params"]
            if name != "auto":
                upstreams.setdefault(name, Upstream(name))
                environment[sent["api_base"].removeprefix("os.environ/")] = upstreams[name].base
                environment[sent["api_key"].removeprefix("os.environ/")] = f"key-of-{name}"
        self.log = open(folder / "proxy.log", "wb")
        command = [str(Path(sys.executable).parent / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd="/", env=environment, stdout=self.log, stderr=self.log)
        try:
            self.wait()
        except BaseException:
            self.__exit__()  # nothing stays behind
            raise

    def wait(self):
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            check(self.process.poll() is None, "the proxy ended:", self.said())
            try:
                if self.ask("GET", "/health/liveliness", None)[0] == 200:
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("the proxy does not start: " + self.said())

    def said(self):
        return (self.folder / "proxy.log").read_text(errors="replace")

    def ask(self, method, path, body, headers=()):
        """Status, headers and body; a stream's body whole."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = {"authorization": f"Bearer {self.key}", "content-type": "application/json", **dict(headers)}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def chat(self, body, id=None):
        headers = {"x-request-id": id} if id else {}
        return self.ask("POST", "/v1/chat/completions", body, headers)

    def logged(self, at_least):
        """The captured payloads, once there are so many."""
        deadline = time.monotonic() + 30
        while True:
            lines = self.captured.read_text().splitlines() if self.captured.exists() else []
            if len(lines) >= at_least or time.monotonic() > deadline:
                return [json.loads(line) for line in lines]
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def copy(folder, name):
    target = folder.parent / name
    shutil.copytree(folder, target)
    return target


# --- the cases -------------------------------------------------------------------------------------


def same_decisions(what, proxy, tool, folder, upstreams, requests, times):
    """Each request for `auto` reaches the endpoint that `decide` names; every third one is streamed."""
    chosen, told = {}, []
    for (id, body, plain), (endpoint, propensity) in zip(requests, tool.decide(folder, [(id, plain) for id, _, plain in requests])):
        place = len(told)
        if chosen.get(endpoint, 0) == EACH:
            continue
        before, streamed = counts(upstreams), place % 3 == 1
        status, headers, text = proxy.chat({**body, "stream": streamed}, id)
        check(status == 200, status, text)
        name, (_, sent_headers, sent) = reached(upstreams, before)
        check(name == endpoint, id, "reached", name, "and not", endpoint)
        check(sent_headers["authorization"] == f"Bearer key-of-{endpoint}", sent_headers)
        check(sent["model"] == endpoint.split("@")[0], sent["model"])
        check("needs" not in plain or sent["model"] == "deepseek-v3.2", "tools reached the specialist:", id)
        check(headers["x-weighbridge-endpoint"] == headers["x-weighbridge-served"] == endpoint, headers)
        check(float(headers["x-weighbridge-propensity"]) == propensity, headers)
        check("x-weighbridge-degraded" not in headers, headers)
        if streamed:
            pieces = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
            check(pieces[-1] == "[DONE]", text)
            said = "".join(c["delta"].get("content") or "" for p in pieces[:-1] for c in json.loads(p)["choices"])
            check(said == name, said)
            check(all("usage" not in p or json.loads(p).get("usage") is None for p in pieces[:-1]), "usage unasked")
        else:
            check(json.loads(text)["choices"][0]["message"]["content"] == name, text)
        times.append(int(headers["x-weighbridge-hook-us"]))
        chosen[endpoint] = chosen.get(endpoint, 0) + 1
        told.append((id, endpoint))
    check(len(chosen) >= 2 and SPECIALIST in chosen and min(chosen.values()) >= EACH // 2, "the requests tell nothing:", chosen)
    print(f"{what}: {chosen}")
    return told


def named_models_pass(proxy, upstreams):
    for endpoint in (DRIVER, SPECIALIST):
        before = counts(upstreams)
        status, headers, _ = proxy.chat({"model": endpoint, "messages": [{"role": "user", "content": "Prove it."}]})
        name, _ = reached(upstreams, before)
        check(status == 200 and name == endpoint and not any(h.startswith("x-weighbridge") for h in headers), headers)


def other_interfaces(proxy, tool, folder, upstreams):
    """Every call type that the plugin knows, with a prompt that belongs to either; tools and images."""
    proof, tools = "Prove the theorem by induction.", "needs"
    cases = [
        ("/v1/completions", {"prompt": proof}, {}),
        ("/v1/completions", {"prompt": "Say hello."}, {}),
        ("/v1/embeddings", {"input": proof}, {}),
        ("/v1/embeddings", {"input": ["Say hello.", "And goodbye."]}, {}),
        ("/v1/responses", {"input": proof}, {}),
        ("/v1/responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": proof}]}]}, {}),
        ("/v1/responses", {"input": proof, "tools": [{"type": "function", "name": "f", "parameters": {}}]}, {tools: ["tools"]}),
        ("/v1/responses", {"input": "Say hello.", "metadata": {"task": "math"}}, {"task": "math"}),
        ("/v1/messages", {"messages": [{"role": "user", "content": proof}], "max_tokens": 50}, {}),
        ("/v1/messages", {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello."}]}], "max_tokens": 50}, {}),
        (
            "/v1/messages",
            {"messages": [{"role": "user", "content": proof}], "max_tokens": 50, "tools": [{"name": "f", "input_schema": {"type": "object"}}]},
            {tools: ["tools"]},
        ),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "text", "text": proof}]}]}, {}),
    ]
    requests = []
    for path, body, more in cases:
        text = json.dumps(body)
        prompt = proof if proof in text else "Hello."
        requests.append((path, {"prompt": prompt, "at": now(), **more}))
    for (path, body, _), (endpoint, _) in zip(cases, tool.decide(folder, requests)):
        before = counts(upstreams)
        status, headers, text = proxy.ask("POST", path, {"model": "auto", **body})
        check(status == 200, path, status, text)
        name, _ = reached(upstreams, before)
        check(name == endpoint, path, body, "reached", name, "and not", endpoint)
        check(headers.get("x-weighbridge-endpoint") == endpoint, path, headers)
        check(headers.get("x-weighbridge-served") == endpoint, path, headers)


def faults(proxy, upstreams):
    """Chosen and served differ after a fallback; a stream that breaks ends in an error."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "Prove the theorem."}]}
    for fault in (500, 429):
        upstreams[SPECIALIST].fault = fault
        for stream in (False, True):
            status, headers, text = proxy.chat({**body, "stream": stream})
            check(status == 200 and DRIVER[:3] in text, status, text)
            told = headers["x-weighbridge-endpoint"], headers["x-weighbridge-served"]
            check(told == (SPECIALIST, DRIVER), "after a fallback:", told)
    upstreams[SPECIALIST].fault = "reset"
    _, headers, text = proxy.chat({**body, "stream": True})
    check('"error"' in text and "[DONE]" not in text, text)
    upstreams[SPECIALIST].fault = None
    # The driver takes tools; nobody else does, so nothing stands in for it.
    upstreams[DRIVER].fault = 500
    before = counts(upstreams)
    status, headers, text = proxy.chat({**body, "tools": TOOLS})
    check(status == 500 and counts(upstreams)[SPECIALIST] == before[SPECIALIST], status, text)
    upstreams[DRIVER].fault = None


def unreadable(proxy, upstreams):
    """A request that cannot be read goes to the driver, loudly, without its text in the log."""
    secret = "hush-" + secrets.token_hex(8)
    body = {"model": "auto", "messages": [{"role": "user", "content": f"Prove {secret}."}], "metadata": {"value_usd": f"no number {secret}"}}
    before = counts(upstreams)
    status, headers, text = proxy.chat(body)
    check(status == 200 and headers["x-weighbridge-degraded"] == "1", status, headers, text)
    check(headers["x-weighbridge-endpoint"] == headers["x-weighbridge-served"] == DRIVER == reached(upstreams, before)[0], headers)
    said = [line for line in proxy.said().splitlines() if "weighbridge" in line]
    check(any("DEGRADED" in line and "value_usd" in line for line in said), said)
    check(secret not in proxy.said(), "a client's text stands in the log")


def unanswered(proxy, upstreams):
    """What no endpoint may take reaches none."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    for stream in (False, True):
        before = counts(upstreams)
        body = {"model": "auto", "messages": [{"role": "user", "content": [image]}], "stream": stream}
        status, headers, text = proxy.chat(body)
        check(status == 400 and "no endpoint" in text and counts(upstreams) == before, status, text)
        check(headers.get("x-weighbridge-unanswered") == "1", headers)


def tags(proxy, told):
    """Tags and the propensity reach LiteLLM's logging payload."""
    logged = proxy.logged(len(told))
    kept = {entry["told"]["weighbridge"]["id"]: entry for entry in logged if (entry["told"] or {}).get("weighbridge")}
    for id, endpoint in told:
        entry = kept[id]
        check(f"weighbridge:{endpoint}" in entry["tags"] and entry["served"] == endpoint, entry)
        check(entry["told"]["weighbridge"]["propensity"] == 1.0, entry)
    return len(kept)


def broken(folder, upstreams, name, spoil, why):
    """A folder that is broken still answers, from the driver, and says so."""
    spoiled = copy(folder, name)
    spoil(spoiled)
    with Proxy(spoiled, upstreams) as proxy:
        check("DEGRADED" in proxy.said() and why in proxy.said(), proxy.said()[-3000:])
        for stream in (False, True):
            before = counts(upstreams)
            body = {"model": "auto", "messages": [{"role": "user", "content": "Prove the theorem."}], "stream": stream}
            status, headers, text = proxy.chat(body)
            check(status == 200 and reached(upstreams, before)[0] == DRIVER, status, text)
            check(headers["x-weighbridge-degraded"] == "1", headers)
            expected = headers["x-weighbridge-endpoint"], headers["x-weighbridge-served"]
            check(expected == (DRIVER, DRIVER), expected)
        entry = proxy.logged(2)[0]
        check({"weighbridge:degraded", f"weighbridge:{DRIVER}"} <= set(entry["tags"]), entry)


def quantile(times, share):
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def cut(folder):
    file = folder / "policy.router.json"
    file.write_bytes(file.read_bytes()[:-100])


def without(name):
    return lambda folder: (folder / name).unlink()


def rules(tool, folder, upstreams, requests):
    """Everything, by a policy of rules."""
    exported = tool.export("policies/hard-math-and-code.toml", "rules", "litellm")
    done = subprocess.run([sys.executable, exported / "check.py"], capture_output=True, text=True)
    check(done.returncode == 0 and "ready to mount" in done.stdout, done.stdout, done.stderr)
    with Proxy(copy(exported, "rules-run"), upstreams) as proxy:
        told = same_decisions("rules", proxy, tool, exported, upstreams, requests, [])
        print("tags in the logging payload:", tags(proxy, told))
        named_models_pass(proxy, upstreams)
        other_interfaces(proxy, tool, exported, upstreams)
        faults(proxy, upstreams)
        unreadable(proxy, upstreams)
        unanswered(proxy, upstreams)
    broken(exported, upstreams, "cut", cut, "policy.router.json")
    broken(exported, upstreams, "gone", without("policy.router.json"), "policy.router.json")
    broken(exported, upstreams, "no-loader", without("weighbridge_router.py"), "weighbridge_router")
    print("broken, missing, without loader: the driver answers, loudly")


def mixture(tool, folder, upstreams, requests):
    """A mixture is drawn by the request's id."""
    (folder / "mixture.toml").write_text(MIXTURE)
    exported = tool.export(folder / "mixture.toml", "mixture", "litellm")
    with Proxy(copy(exported, "mixture-run"), upstreams) as proxy:
        no_tools = [held for held in requests if "needs" not in held[2]]
        same_decisions("a mixture, drawn by id", proxy, tool, exported, upstreams, no_tools, [])


def learned(tool, upstreams, requests, runtime):
    """A trained router, and what choosing costs."""
    exported, times = tool.export("policies/rules-then-learned.toml", "learned", "litellm"), []
    with Proxy(copy(exported, "learned-run"), upstreams) as proxy:
        check(f"the {runtime} decides" in proxy.said(), proxy.said()[-3000:])
        same_decisions("rules, then learned", proxy, tool, exported, upstreams, requests, times)
    print(f"the hook by the {runtime}, learned policy: p50 {quantile(times, 0.5)} us, p99 {quantile(times, 0.99)} us")


def main(binary, wheel):
    upstreams = {}
    folder = Path(tempfile.mkdtemp(prefix="weighbridge-litellm-"))
    try:
        tool, requests = Tool(binary, folder), traffic(1000)
        learned(tool, upstreams, requests, "wheel" if wheel else "one-file loader")
        mixture(tool, folder, upstreams, requests)
        if not wheel:
            rules(tool, folder, upstreams, requests)
    finally:
        for upstream in upstreams.values():
            upstream.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    rest = [argument for argument in sys.argv[1:] if argument != "--wheel"]
    if len(rest) != 1:
        sys.exit(__doc__)
    main(str(Path(rest[0]).resolve()), "--wheel" in sys.argv)
    print("litellm_proxy: all as decided")
