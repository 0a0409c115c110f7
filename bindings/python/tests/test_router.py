"""Deciding: the wheel against the command and the one-file loader, and what it refuses."""

import datetime
import hashlib
import json
import pickle
import sys
import threading
import time

import pytest

import weighbridge
from support import LEARNED, TRACE, lines, one_file, refused, run


def test_it_decides_the_bundled_trace_as_the_command_does_byte_for_byte(routers, files):
    for router, file in zip(routers.values(), files):
        printed = run("decide", file, TRACE)
        assert router.route_jsonl(TRACE.read_bytes()) == printed
        expected = [json.loads(line) for line in printed.splitlines()]
        requests = [line["request"] for line in lines()]
        many = router.route_many(requests)
        for line, request, decision, wanted in zip(lines(), requests, many, expected):
            assert {"id": line["id"], **decision} == wanted
            assert router.route(request) == decision
            assert list(decision["choice"]) == list(wanted["choice"]), "in the order of the file"


def test_it_decides_as_the_one_file_loader_does(routers, files):
    for router, file in zip(routers.values(), files):
        other = one_file().load(file)
        for line in lines()[:200]:
            request = line["request"]
            ours, theirs = router.route(request), other.decide(one_file().Request(request))
            assert ours["choice"] == theirs.choice
            assert ours["unanswered_ppm"] == theirs.unanswered
            assert ours["fell_back_ppm"] == theirs.fell_back
            assert len(ours["predictions"]) == len(theirs.predictions)
            for found, (model, success, tokens) in zip(ours["predictions"], theirs.predictions):
                assert found["model"] == model
                assert found["success"] == pytest.approx(success, abs=1e-9)
                assert found["output_tokens"] == pytest.approx(tokens, rel=1e-9)


def test_plain_requests_are_read_as_the_crate_reads_json(routers):
    router = routers["engineering"]
    full = {
        "at": "2025-12-02T09:14:03.120Z", "prompt": "Prove it: \u00e9\u4e2d\U0001f600", "task": "math", "tenant": "acme",
        "session": "s", "turn": 2, "channel": "api", "region": "eu", "needs": ["tools"], "input_tokens": 812,
        "max_output_tokens": 8000, "prefix": ["a"], "embedding": [0.5, 1], "value_usd": 0.5, "wrong_usd": 0,
        "second_usd": 1e-4, "deadline_ms": 30000, "mood": object(),
    }  # fmt: skip
    plain = {key: value for key, value in full.items() if key != "mood"}
    by_json = json.loads(router.route_jsonl(json.dumps({"id": "x", "request": plain}).encode()))
    assert {"id": "x", **router.route(full)} == by_json
    # What is not plain goes the long way, to the same end.
    assert router.route({**full, "needs": ("tools",)}) == router.route(full)
    assert router.route({**dict.fromkeys(full), "prompt": "Prove it."}) == router.route({"prompt": "Prove it."})
    assert router.route({})["predictions"] == []


BAD = [
    {"input_tokens": -1}, {"input_tokens": True}, {"input_tokens": 1.0}, {"input_tokens": 2**32}, {"turn": "2"},
    {"needs": "tools"}, {"needs": ["tools", 1]}, {"at": "soon"}, {"at": 5}, {"prompt": 3}, {"value_usd": -0.5},
    {"value_usd": 1e300}, {"second_usd": "0.5"}, {"embedding": [1e60]}, {"embedding": [None]}, {"prefix": {}},
    {"task": ["math"]}, {"prompt": "a\nb", "deadline_ms": "a\nb"},
]  # fmt: skip


@pytest.mark.parametrize("request_", BAD, ids=[json.dumps(bad) for bad in BAD])
def test_a_wrong_field_is_told_in_the_words_of_the_command(routers, request_):
    router = routers["engineering"]
    told = run("decide", LEARNED, "-", stdin=json.dumps(request_).encode(), code=1)
    message = refused(router.route, request_)
    assert told.strip().endswith(f":1: {message}")
    assert refused(router.route_many, [{}, request_]) == f"[1].{message}"
    lines = b'{"prompt":"x"}\n' + json.dumps(request_).encode()
    assert refused(router.route_jsonl, lines) == f"<lines>:2: {message}"


def test_what_is_no_json_is_told_by_its_field(routers):
    router = routers["engineering"]
    assert refused(router.route, []) == "must be a dict of a request's fields, not list"
    assert refused(router.route_many, [None]) == "[0]: must be a dict of a request's fields, not NoneType"
    assert refused(router.route, {"task": b"x"}) == "task: must be a JSON value, not bytes"
    assert refused(router.route, {"value_usd": float("nan")}).startswith("value_usd: not valid JSON")
    assert refused(router.route, {"prompt": "\ud800"}).startswith("prompt: not valid JSON")
    assert refused(router.route_jsonl, b"\xff{}").startswith("<lines>:1: ")
    with pytest.raises(TypeError):
        router.route_many(5)


def test_a_file_that_is_not_sound_is_refused_in_the_words_of_the_crate(tmp_path):
    data = LEARNED.read_bytes()
    middle = len(data) // 2
    broken = {
        "empty": b"",
        "garbage": bytes(range(256)) * 40,
        "text": b"hello\n",
        "cut": data[:-100],
        "longer": data + b"\n",
        "bit": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "newer": data.replace(b"weighbridge.router/1", b"weighbridge.router/9", 1),
        "crlf": data.replace(b"\n", b"\r\n"),
    }
    for name, bytes_ in broken.items():
        path = tmp_path / f"{name}.router.json"
        path.write_bytes(bytes_)
        message = refused(weighbridge.Router.load, path)
        assert message == refused(weighbridge.Router.from_bytes, bytes_), name
        assert run("verify", path, code=1).strip() == f"error: {path}: {message}", name
    assert refused(weighbridge.Router.load, tmp_path / "none").startswith("the file cannot be read: ")
    assert refused(weighbridge.Router.load, tmp_path).startswith("the file cannot be read: ")


def test_an_endpoint_is_drawn_as_the_sidecar_documents_it(routers):
    router = routers["random-95-5"]
    decision = router.route({"prompt": "Hi"})
    assert len(decision["choice"]) == 2
    found = set()
    for i in range(200):
        digest = hashlib.sha256(b"weighbridge.draw/1\0" + f"r-{i}".encode()).digest()
        point = int.from_bytes(digest[:8], "big") * 1_000_000 >> 64
        below = 0
        for endpoint, share in decision["choice"].items():
            below += share
            if point < below:
                assert router.draw(decision, f"r-{i}") == (endpoint, share / 1e6)
                found.add(endpoint)
                break
    assert len(found) == 2
    half = {"choice": {router.endpoints[0]: 500_000}}
    assert {router.draw(half, f"r-{i}") for i in range(50)} == {(router.endpoints[0], 0.5), (None, 0.5)}
    sole = routers["always-driver"].route({"prompt": "Hi"})
    assert routers["always-driver"].draw(sole, "any")[1] == 1.0
    assert refused(router.draw, {}, "x").startswith("choice: this field is missing")
    assert refused(router.draw, {"choice": {"nobody": 1}}, "x").startswith("choice: `nobody` is no endpoint")
    assert refused(router.draw, {"choice": {router.endpoints[0]: 1_000_001}}, "x").startswith("choice: shares")


def test_a_chat_body_is_decided_as_the_request_that_it_asks_for(routers):
    router = routers["engineering"]
    body = {
        "model": "auto", "user": "acme", "max_tokens": 500, "tools": [{"type": "function"}],
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Prove it."}],
        "metadata": {"task": "math"},
    }  # fmt: skip
    request = {
        "prompt": "Prove it.", "task": "math", "tenant": "acme", "needs": ["tools"], "max_output_tokens": 500,
        "input_tokens": 5, "at": "2025-12-02",
    }  # fmt: skip
    for form in (body, json.dumps(body), json.dumps(body).encode()):
        assert router.route_chat(form, at="2025-12-02") == router.route(request)
    assert router.route_chat(body) != router.route_chat({**body, "tools": []})
    assert refused(router.route_chat, {}) == "messages: this field is missing"
    assert refused(router.route_chat, {"messages": [object()]}).startswith("must be a dict of JSON values: ")
    assert refused(router.route_chat, b"\xff") == "not UTF-8 from byte 0"
    assert refused(router.route_chat, body, at="soon").startswith("at: `soon` is not a time")


def test_it_shows_what_it_is_and_survives_a_pickle(routers):
    router = routers["engineering"]
    assert router.endpoints[0] in repr(router)
    assert router.models == ["deepseek-v3.2", "deepseek-v3.2-speciale"]
    again = pickle.loads(pickle.dumps(router))
    request = lines()[0]["request"]
    assert again.route(request) == router.route(request)
    assert weighbridge.Router.from_bytes(router.to_bytes()).to_bytes() == router.to_bytes()


def lets_go(call):
    """Whether another thread can do something while `call` runs: whether it lets go of the interpreter's
    lock. Called again and again, since on a busy machine the other thread may miss a short moment."""
    steps, done = [0], threading.Event()

    def count():
        while not done.is_set():
            steps[0] += 1
            time.sleep(0)

    interval = sys.getswitchinterval()
    # From here on a thread goes on until it lets go by itself.
    sys.setswitchinterval(1000)
    other = threading.Thread(target=count)
    try:
        other.start()
        before = steps[0]
        for _ in range(100):
            call()
            if steps[0] != before:
                return True
        return False
    finally:
        done.set()
        sys.setswitchinterval(interval)
        other.join()


def test_other_threads_go_on_while_it_decides(routers):
    router = routers["engineering"]
    data = TRACE.read_bytes()
    requests = [line["request"] for line in lines()[:500]]
    assert not lets_go(lambda: sum(range(10_000))), "plain Python is not interrupted here"
    assert lets_go(lambda: router.route_jsonl(data))
    assert lets_go(lambda: router.route_many(requests))
    long = {"prompt": "Prove that the sequence converges. " * 20_000}
    assert lets_go(lambda: router.route(long))
    assert lets_go(lambda: weighbridge.Router.load(LEARNED))


def test_many_threads_decide_the_same(routers):
    router = routers["engineering"]
    requests = [line["request"] for line in lines()[:300]]
    expected = router.route_many(requests)
    found = [None] * 4

    def work(place):
        found[place] = [router.route(request) for request in requests]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_a_request_that_does_not_say_when_it_arrived_has_the_time_of_the_call(routers):
    router = routers["engineering"]
    asked = {"prompt": "Prove that the sequence converges.", "task": "math"}
    then, later = "2025-12-02", "2026-03-01"
    expected = router.route({**asked, "at": then})
    assert router.route(asked, at=then) == expected != router.route(asked, at=later)
    assert router.route({**asked, "at": then}, at=later) == expected
    assert router.route_many([asked, {**asked, "at": later}], at=then) == [expected, router.route(asked, at=later)]
    line = json.dumps(asked).encode()
    assert json.loads(router.route_jsonl(line, at=then)) == {"id": "1", **expected}
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    ended = "deepseek-v3.2-speciale@deepseek"
    assert ended in router.route(asked)["choice"] and ended not in router.route(asked, at=now)["choice"]
    for call in (router.route, router.route_many, router.route_jsonl):
        argument = line if call == router.route_jsonl else asked if call == router.route else [asked]
        with pytest.raises(weighbridge.RouterError, match="at: `soon` is not a time"):
            call(argument, at="soon")


def test_lines_are_read_in_all_their_forms(routers):
    router = routers["engineering"]
    asked = {"prompt": "Prove that the sequence converges.", "task": "math"}
    chat = {"messages": [{"role": "user", "content": asked["prompt"]}], "metadata": {"task": "math"}}
    forms = [{"id": "x", **asked}, {"id": "x", "request": asked}, {"id": "x", **chat}]
    said = router.route_jsonl("\n".join(map(json.dumps, forms)).encode()).splitlines()
    assert len(set(said)) == 1
    assert refused(router.route_jsonl, b'{"prompt":"a","prompt":"b"}').endswith("stands twice in one object")
    assert refused(router.route, {"turn": 4294967295}).startswith("turn: must be a whole number")
