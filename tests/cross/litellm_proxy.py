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
import alike  # noqa: E402
from gateway import DRIVER, EACH, SPECIALIST, Tool, check, counts, free_port, mixture, now, reached, traffic  # noqa: E402
from upstream import TOOLS, Upstream  # noqa: E402

MIXTURE = mixture(0.7, 0.3)
# LiteLLM, where it is imported, fetches nothing.
LOCAL = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
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
# Keys that may ask for `auto` and nothing else.
KEYS = """
from litellm.proxy._types import UserAPIKeyAuth

async def check(request, api_key):
    return UserAPIKeyAuth(api_key=api_key, models=["auto"])
"""
# In which thread a request is decided.
THREADS = """
import asyncio, sys, threading
sys.path.insert(0, sys.argv[1])
import weighbridge_plugin as plugin

choose, on_the_loop = plugin.hook.decider.choose, []

def watched(*given):
    on_the_loop.append(threading.current_thread() is threading.main_thread())
    return choose(*given)

async def ask(text, headers):
    data = {"model": "auto", "messages": [{"role": "user", "content": text}], "proxy_server_request": {"headers": headers}}
    return (await plugin.hook.async_pre_call_hook(None, None, data, "acompletion"))["model"]

plugin.hook.decider.choose = watched
for size in ({"content-length": "200"}, {"Content-Length": "200000"}, {}):
    assert "speciale" in asyncio.run(ask("Prove it. " * 20000, size)), size
assert on_the_loop == [True, False, False], on_the_loop
"""


class Proxy:
    """LiteLLM's proxy on a copy of a folder; `settings` are more general ones, `environment` more variables."""

    def __init__(self, folder, upstreams, settings="", **variables):
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
        check("\ngeneral_settings:\n" in text, text)
        text = text.replace("\ngeneral_settings:\n", f"\ngeneral_settings:\n{settings}")
        config.write_text(text)
        self.port = free_port()
        environment = {**LOCAL, "LITELLM_MASTER_KEY": self.key}
        environment |= {"CAPTURED": str(self.captured), "PYTHONDONTWRITEBYTECODE": "1", **variables}
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
    names = {DRIVER: DRIVER, SPECIALIST: SPECIALIST, "driver": DRIVER, "specialist": SPECIALIST}
    names |= {endpoint.split("@")[0]: endpoint for endpoint in (DRIVER, SPECIALIST)}
    for asked, endpoint in names.items():
        before = counts(upstreams)
        status, headers, _ = proxy.chat({"model": asked, "messages": [{"role": "user", "content": "Prove it."}]})
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
    """A request that cannot be read is refused, without its text in the log; one that cannot be decided goes to
    the driver, loudly."""
    secret = "hush-" + secrets.token_hex(8)
    body = {"model": "auto", "messages": [{"role": "user", "content": f"Prove {secret}."}], "metadata": {"value_usd": f"no number {secret}"}}
    before = counts(upstreams)
    status, headers, text = proxy.chat(body)
    check(status == 400 and json.loads(text)["error"]["param"] == "metadata.value_usd", status, headers, text)
    check(counts(upstreams) == before, "it reached somebody")
    # Items that are no objects: no interface of `serve` has them, so nothing says what is wrong.
    status, headers, text = proxy.ask("POST", "/v1/responses", {"model": "auto", "input": [secret]})
    check(headers["x-weighbridge-degraded"] == "fault" and headers["x-weighbridge-endpoint"] == DRIVER, status, headers, text)
    check(counts(upstreams)[SPECIALIST] == before[SPECIALIST], "it reached the specialist")
    said = [line for line in proxy.said().splitlines() if "weighbridge" in line]
    check(any("DEGRADED" in line and "AttributeError" in line for line in said), said)
    check(secret not in "".join(said), "a client's text stands in the log")


PAST = [
    {"fallbacks": [SPECIALIST]},
    {"fallbacks": [{DRIVER: [SPECIALIST]}]},
    {"fallbacks": [{"*": [SPECIALIST]}]},
    {"fallbacks": [{"model": SPECIALIST}]},
    {"context_window_fallbacks": [{DRIVER: [SPECIALIST]}]},
    {"content_policy_fallbacks": [{DRIVER: [SPECIALIST]}]},
    {"router_settings_override": {"fallbacks": [{DRIVER: [SPECIALIST]}], "num_retries": 3}},
    {"num_retries": 3},
    {"max_retries": 3},
    {"mock_testing_fallbacks": True, "fallbacks": [SPECIALIST]},
    {"mock_testing_context_fallbacks": True},
    {"mock_testing_content_policy_fallbacks": True},
    {"mock_testing_rate_limit_error": True},
    {"metadata": {"pre_routing_selected_model": SPECIALIST}, "fallbacks": [{SPECIALIST: [SPECIALIST]}]},
    {"deployment_id": "another"},
    {"custom_llm_provider": "anthropic"},
    {"specific_deployment": True},
    {"azure": True},
    {"extra_body": {"model": "another", "metadata": {"tenant": "t"}}},
    {"model": "auto,auto"},
    {"model": f"auto,{SPECIALIST}", "fastest_response": True},
]


def nobody_goes_past(proxy, upstreams):
    """Whatever a client says in the body: the driver alone is asked, once, for its own model, well or not."""
    for more in PAST:
        for fault in (None, 500, 400):
            upstreams[DRIVER].fault = fault
            before = counts(upstreams)
            status, headers, text = proxy.chat({"model": "auto", "messages": [{"role": "user", "content": "Say hello."}], **more})
            place = f"{more}, {fault}:"
            check(counts(upstreams)[SPECIALIST] == before[SPECIALIST], place, "the specialist was asked")
            if "," in more.get("model", ""):
                check(status == 404 and counts(upstreams) == before, place, status, text)
                continue
            name, (_, _, sent) = reached(upstreams, before)
            check(status == (fault or 200) and sent["model"] == "deepseek-v3.2" and "metadata" not in sent, place, status, sent, text)
    upstreams[DRIVER].fault = None
    print(f"{len(PAST)} ways past the policy: none leads anywhere")


def hints_stay_inside(proxy, upstreams, forwarded):
    """What a client tells the router reaches no upstream by any interface; the rest where that is wished, of
    those whose metadata LiteLLM sends on at all."""
    hints = {"task": "x", "tenant": "t", "session": "s", "channel": "api", "region": "eu", "value_usd": "2", "deadline_ms": "90000"}
    messages = [{"role": "user", "content": "Say hello."}]
    for path, body, sends in (
        ("/v1/chat/completions", {"messages": messages}, False),
        ("/v1/chat/completions", {"messages": messages, "store": True}, False),
        ("/v1/completions", {"prompt": "Hello."}, False),
        ("/v1/embeddings", {"input": "Hello."}, False),
        ("/v1/responses", {"input": "Hello."}, True),
        ("/v1/messages", {"messages": messages, "max_tokens": 50}, False),
    ):
        before = counts(upstreams)
        status, _, text = proxy.ask("POST", path, {"model": "auto", **body, "metadata": {**hints, "mine": "kept"}})
        _, (_, _, sent) = reached(upstreams, before)
        check(status == 200, path, status, text)
        check(sent.get("metadata") == ({"mine": "kept"} if forwarded and sends else None), path, sent)


def alike_to_serve(tool, folder, binary):
    """Bad hints and limits, names and chains as in `serve`, for keys that may ask for `auto` alone."""
    exported, upstreams = alike.exported(tool, folder, "litellm"), {}
    with alike.Serve(binary, exported) as serve:
        with Proxy(copy(exported, "alike-run"), upstreams, WEIGHBRIDGE_FORWARD_METADATA="1") as proxy:
            # A name that the policy does not know is LiteLLM's own to refuse.
            alike.same("LiteLLM", serve, proxy.chat, upstreams, [*alike.ASKED, *alike.BAD, *alike.NAMED], {"nobody"})
            hints_stay_inside(proxy, upstreams, True)
        run = copy(exported, "alike-keys")
        (run / "keys.py").write_text(KEYS)
        with Proxy(run, upstreams, "  custom_auth: keys.check\n") as proxy:
            alike.same_chains("LiteLLM", serve, proxy.chat, upstreams, alike.ASKED)
            hints_stay_inside(proxy, upstreams, False)
    for upstream in upstreams.values():
        upstream.close()


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
            check(headers["x-weighbridge-degraded"] == "policy", headers)
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
    done = subprocess.run([sys.executable, "-B", "-c", THREADS, exported], capture_output=True, text=True, env=LOCAL)
    check(done.returncode == 0, done.stdout, done.stderr)
    with Proxy(copy(exported, "rules-run"), upstreams) as proxy:
        told = same_decisions("rules", proxy, tool, exported, upstreams, requests, [])
        print("tags in the logging payload:", tags(proxy, told))
        named_models_pass(proxy, upstreams)
        other_interfaces(proxy, tool, exported, upstreams)
        faults(proxy, upstreams)
        nobody_goes_past(proxy, upstreams)
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
            alike_to_serve(tool, folder, binary)
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
