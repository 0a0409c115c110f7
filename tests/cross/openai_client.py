"""The official `openai` client against `weighbridge serve` as a proxy, before upstreams on loopback.

Usage: openai_client.py [--binary PATH] with a Python that has `openai` and `trustme`. What a client sees is compared
with what the upstreams were asked: answers, streams, tools, usage, errors, and how often each of the two
sides tries again. The upstreams are fakes that answer, or fail, as a test tells them.
"""

import argparse
import asyncio
import gzip
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import openai
import trustme

from upstream import TOOLS, USAGE, Talk, serving

ROOT = Path(__file__).resolve().parents[2]
# Endpoints that are alive on any day that this runs; the specialist has no tools.
CATALOG = """format = "weighbridge.catalog/1"
[[model]]
id = "cheap"
[[model]]
id = "strong"
[[endpoint]]
id = "cheap@here"
model = "cheap"
can = ["tools"]
[[endpoint]]
id = "strong@here"
model = "strong"
"""
POLICY = """format = "weighbridge.policy/1"
fallback = ["cheap"]
[choose]
kind = "rules"
else = "cheap"
[[choose.rule]]
when = { prompt_any = ["prove"] }
to = "strong"
"""


class Fake:
    """An upstream; `script` has what the next requests get, then all is answered well."""

    def __init__(self, name, tls=None):
        self.name, self.asked, self.script, self.tls = name, [], [], tls
        fake = self

        class Handler(Talk):
            def do_POST(self):
                body = self.body()
                fake.asked.append((dict(self.headers.items()), body))
                act = fake.script.pop(0) if fake.script else "well"
                if isinstance(act, tuple):
                    status, headers = act
                    return self.whole({"error": {"message": "on demand", "code": "x"}}, status, headers)
                if act == "echo":
                    said = f"who is {self.headers['authorization']}?"
                    return self.whole({"error": {"message": said, "code": "x"}}, 400, {"x-echo": said})
                if act == "whole" or not body.get("stream"):
                    return self.whole(fake.answer(body))
                return self.stream(body, act)

            def stream(self, body, act):
                self.begin_stream()
                for place, event in enumerate(fake.events(body)):
                    if place == 2 and act == "reset":
                        return self.reset()
                    if place == 2 and act == "cut":
                        break
                    if place == 2 and act == "malformed":
                        event = "{oh no"
                    try:
                        self.piece(f": keep-alive\n\ndata: {event}\n\n")
                        while place == 2 and act == "hang":
                            time.sleep(0.01)
                            self.piece(": still here\n\n")
                    except OSError:
                        fake.asked[-1][1]["left"] = True
                        return None
                return self.piece("")

        self.server = serving(Handler, tls)

    def base(self):
        return f"{'https' if self.tls else 'http'}://localhost:{self.server.server_address[1]}/v1"

    def answer(self, body):
        message = {"role": "assistant", "content": f"from {self.name}"}
        reason = "stop"
        if body.get("tools"):
            call = {"id": "call-1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
            message, reason = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        choice = {"index": 0, "message": message, "finish_reason": reason}
        head = {"id": "answer-1", "object": "chat.completion", "created": 1, "model": body["model"]}
        return {**head, "choices": [choice], "usage": USAGE}

    def events(self, body):
        head = {"id": "answer-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        for delta, reason in [({"content": "from "}, None), ({"content": self.name}, None), ({}, "stop")]:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            yield json.dumps({**head, "choices": [choice], "usage": None})
        if (body.get("stream_options") or {}).get("include_usage"):
            yield json.dumps({**head, "choices": [], "usage": USAGE})
        yield "[DONE]"


class Serve:
    """The server itself, on a free port, until `close`."""

    def __init__(self, binary, folder, cheap, strong):
        (folder / "own.toml").write_text(CATALOG)
        (folder / "policy.toml").write_text(POLICY)
        (folder / "key").write_text("the-upstreams-key\n")
        command = [binary, "serve", folder / "policy.toml", "--catalog", folder / "own.toml"]
        command += ["--listen", "127.0.0.1:0", "--upstream-silence", "5"]
        command += ["--upstream", f"cheap={cheap.base()}", "--upstream", f"strong@here={strong.base()}"]
        command += ["--upstream-key", f"cheap=FILE:{folder / 'key'}", "--upstream-model", "strong@here=strong-v1"]
        command += ["--record", folder / "recorded"]
        self.log = open(folder / "log", "w+", encoding="utf-8")
        environment = {**os.environ, "SSL_CERT_FILE": str(folder / "authority.pem")}
        self.process = subprocess.Popen([str(part) for part in command], stderr=self.log, env=environment)
        deadline = time.monotonic() + 30
        while "http://" not in (text := (folder / "log").read_text()):
            assert self.process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.02)
        self.base = "http://" + text.split("http://", 1)[1].split("/", 1)[0] + "/v1"

    def close(self):
        self.process.terminate()
        assert self.process.wait(60) == 0
        self.log.seek(0)
        return self.log.read()


class Tests:
    def __init__(self, serve, cheap, strong):
        self.serve, self.cheap, self.strong = serve, cheap, strong
        self.total = 0
        self.client = openai.OpenAI(base_url=serve.base, api_key="the-clients-key", max_retries=0)

    def start(self):
        self.total += sum(self.asked())
        for fake in (self.cheap, self.strong):
            fake.asked.clear()
            fake.script.clear()

    def asked(self):
        return len(self.cheap.asked), len(self.strong.asked)

    def create(self, prompt="Prove it.", model="auto", client=None, **more):
        messages = [{"role": "user", "content": prompt}]
        return (client or self.client).chat.completions.create(model=model, messages=messages, **more)

    def raw(self, prompt="Prove it.", **more):
        messages = [{"role": "user", "content": prompt}]
        completions = self.client.chat.completions.with_raw_response
        return completions.create(model="auto", messages=messages, **more)

    def test_a_whole_answer_and_its_headers(self):
        got = self.raw(extra_headers={"x-request-id": "mine-1", "x-weighbridge-endpoint": "cheap@here"})
        assert got.parse().choices[0].message.content == "from strong"
        assert got.parse().usage.total_tokens == 10
        assert got.parse()._request_id == "mine-1"
        for name in ("endpoint", "served"):
            assert got.headers[f"x-weighbridge-{name}"] == "strong@here"
        assert got.headers["x-weighbridge-model"] == "strong"
        headers, body = self.strong.asked[0]
        assert body["model"] == "strong-v1" and "stream_options" not in body
        told = json.dumps(headers).lower()
        assert "clients" not in told and "weighbridge-endpoint" not in told and "authorization" not in told
        assert self.create("Hello.").choices[0].message.content == "from cheap"
        headers, _ = self.cheap.asked[0]
        assert {k.lower(): v for k, v in headers.items()}["authorization"] == "Bearer the-upstreams-key"
        assert self.asked() == (1, 1)

    def test_a_stream_and_its_usage(self):
        for options in (None, {"include_usage": False}, {"include_usage": True}):
            more = {"stream_options": options} if options else {}
            chunks = list(self.create(stream=True, **more))
            wants = bool(options and options["include_usage"])
            # Without having asked, every chunk has a first choice: clients take it for granted.
            assert [bool(chunk.choices) for chunk in chunks] == [True] * 3 + [False] * wants
            assert [chunk.usage is not None for chunk in chunks] == [False] * 3 + [True] * wants
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:3])
            assert text == "from strong"
            assert self.strong.asked[-1][1]["stream_options"] == {"include_usage": True}
        assert self.asked() == (0, 3)

    def test_a_whole_answer_to_a_stream_is_read_as_one_and_not_bought_twice(self):
        for wants in (False, True):
            self.strong.script = ["whole"]
            more = {"stream_options": {"include_usage": True}} if wants else {}
            chunks = list(self.create(stream=True, **more))
            assert chunks[0].object == "chat.completion.chunk" and chunks[0].choices[0].finish_reason == "stop"
            assert chunks[0].choices[0].delta.content == "from strong" and chunks[0].usage is None
            assert [chunk.usage.total_tokens for chunk in chunks[1:]] == [10] * wants
        self.strong.script = ["whole"]
        with self.client.chat.completions.stream(model="auto", messages=[{"role": "user", "content": "Prove it."}]) as stream:
            assert stream.get_final_completion().choices[0].message.content == "from strong"
        self.cheap.script = ["whole"]
        (chunk,) = self.create(stream=True, tools=TOOLS)
        (call,) = chunk.choices[0].delta.tool_calls
        assert (call.index, call.id, call.function.name) == (0, "call-1", "look_up")
        assert self.asked() == (1, 3)

    def test_hints_stay_here_and_the_provider_is_told_of_its_end_user(self):
        self.create(metadata={"task": "chat", "value_usd": "2", "ticket": "7"}, user="someone")
        _, body = self.strong.asked[0]
        assert "metadata" not in body and body["user"] == "someone"
        assert self.asked() == (0, 1)

    def test_no_key_is_shown(self):
        self.cheap.script = ["echo"]
        error = raised(openai.BadRequestError, self.create, "Hello.")
        assert "who is Bearer [hidden]?" in error.message, error.body
        assert "upstreams-key" not in repr((error.body, dict(error.response.headers)))
        for status in (401, 402, 403):
            self.strong.script = [(status, {})]
            assert self.create().choices[0].message.content == "from cheap"
            self.strong.script = [(status, {})]
            error = raised(openai.InternalServerError, self.create, model="strong")
            assert error.code == "upstream_denied" and "on demand" not in error.message, error.body
        assert self.asked() == (4, 6)

    def test_an_asynchronous_client(self):
        async def streams():
            client = openai.AsyncOpenAI(base_url=self.serve.base, api_key="x", max_retries=0)

            async def one(prompt):
                stream = await self.create(prompt, client=client, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*(one(text) for text in ["Prove it.", "Hello."] * 10))

        assert asyncio.run(streams()) == ["from strong", "from cheap"] * 10
        assert self.asked() == (10, 10)

    def test_tools_never_reach_the_specialist(self):
        got = self.create(tools=TOOLS)
        assert got.choices[0].message.tool_calls[0].function.name == "look_up"
        assert self.cheap.asked[0][1]["tools"] == TOOLS
        assert self.asked() == (1, 0)

    def test_a_named_model_passes_through(self):
        for name in ("strong", "strong@here"):
            assert self.create("Hello.", model=name).choices[0].message.content == "from strong"
        assert self.create("Prove it.", model="cheap").choices[0].message.content == "from cheap"
        assert [model.id for model in self.client.models.list()] == ["auto", "cheap", "cheap@here", "strong", "strong@here"]
        error = raised(openai.NotFoundError, self.create, model="gpt-none")
        assert error.code == "model_not_found" and error.param == "model", error.body
        assert self.asked() == (1, 2)

    def test_the_driver_stands_in_and_the_client_tries_only_once(self):
        for act in [(500, {}), (429, {"retry-after": "100"}), (503, {})]:
            self.strong.script = [act]
            got = self.raw()
            assert got.parse().choices[0].message.content == "from cheap"
            assert got.headers["x-weighbridge-endpoint"] == "strong@here"
            assert got.headers["x-weighbridge-served"] == "cheap@here"
        assert self.asked() == (3, 3)

    def test_errors_are_the_clients_own_exceptions(self):
        for status, kind, code in [
            (429, openai.RateLimitError, "rate_limit_exceeded"),
            (500, openai.InternalServerError, "upstream_error"),
            (400, openai.BadRequestError, "x"),
            (422, openai.UnprocessableEntityError, "x"),
        ]:
            self.cheap.script = [(status, {})]
            for stream in (False, True):
                self.cheap.script = [(status, {})]
                error = raised(kind, self.create, "Hello.", stream=stream)
                assert error.code == code and "on demand" in error.message, error.body
        error = raised(openai.BadRequestError, self.create, "Hello.", metadata={"value_usd": "-1"})
        assert error.param == "metadata.value_usd", error.body
        assert self.asked() == (8, 0)

    def test_a_client_that_retries_is_not_kept_waiting(self):
        # 100 s as the upstream has it; the client obeys up to two minutes.
        self.cheap.script = [(429, {"retry-after": "100"})]
        error = raised(openai.RateLimitError, self.create, "Hello.")
        assert error.response.headers["retry-after"] == "30"
        # Two tries of the client are two of the upstream, and no more.
        self.start()
        self.cheap.script = [(429, {"retry-after-ms": "1"})]
        client = self.client.with_options(max_retries=2)
        assert self.create("Hello.", client=client).choices[0].message.content == "from cheap"
        assert self.asked() == (2, 0)

    def test_a_stream_that_breaks_is_noticed_and_not_sent_again(self):
        for act in ("reset", "cut", "malformed"):
            self.start()
            self.strong.script = [act]
            client = self.client.with_options(max_retries=2)
            seen = []

            def read():
                for chunk in self.create(client=client, stream=True):
                    seen.append(chunk)

            error = raised(openai.APIError, read)
            assert error.code == "upstream_broken" and "strong@here" in error.message, error.body
            assert len(seen) == 2, act
            assert self.asked() == (0, 1), act

    def test_a_client_that_leaves_takes_its_upstream_along(self):
        self.strong.script = ["hang"]
        stream = self.create(stream=True)
        next(iter(stream))
        stream.close()
        deadline = time.monotonic() + 20
        while "left" not in self.strong.asked[0][1]:
            assert time.monotonic() < deadline, "the upstream goes on"
            time.sleep(0.02)
        assert self.asked() == (0, 1)


def raised(kind, function, *args, **named):
    try:
        function(*args, **named)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def recorded(binary, folder, total):
    """What was written down is what the upstreams were asked, and a trace as it stands."""
    statuses = {}
    for path in sorted(folder.glob("weighbridge-*")):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
            for line in list(lines)[1:]:
                line = json.loads(line)
                assert "key" not in json.dumps(line)
                for outcome in line.get("outcomes", []):
                    status = outcome["status"]
                    statuses[status] = statuses.get(status, 0) + 1
                    assert status != "ok" or outcome["output_tokens"] == 3, outcome
                    assert status not in ("error", "cancelled") or "output_tokens" not in outcome, outcome
    print("recorded", statuses)
    assert set(statuses) == {"ok", "error", "refused", "cancelled", "rejected"}, statuses
    assert sum(statuses.values()) == total, (statuses, total)
    subprocess.run([str(binary), "inspect", str(folder)], check=True, stdout=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/weighbridge")
    binary = parser.parse_args().binary
    with tempfile.TemporaryDirectory() as folder:
        # One upstream plain, one over TLS, by an authority that only this server trusts.
        authority = trustme.CA()
        authority.cert_pem.write_to_path(Path(folder) / "authority.pem")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(tls)
        cheap, strong = Fake("cheap"), Fake("strong", tls)
        serve = Serve(binary, Path(folder), cheap, strong)
        try:
            tests = Tests(serve, cheap, strong)
            for name in [name for name in dir(tests) if name.startswith("test_")]:
                tests.start()
                getattr(tests, name)()
                print("ok", name.removeprefix("test_").replace("_", " "), flush=True)
        finally:
            log = serve.close()
        assert "-key" not in log.replace("--upstream-key", ""), "a key is in the log"
        tests.start()
        recorded(binary, Path(folder) / "recorded", tests.total)
    print(f"openai {openai.__version__}: all as it should be")


if __name__ == "__main__":
    sys.exit(main())
