"""What `weighbridge serve` does as a proxy is what exported folders must do: one policy whose endpoints differ in
all that bears on who may stand in for whom, one table of bodies, and the answers of `serve` to hold others against.
"""

import http.client
import json
import subprocess
import threading

from gateway import check
from upstream import TOOLS, Upstream

# In the order of the chain: `first` has two endpoints.
CARDS = {
    "first@a": "regions = ['us']",
    "first@b": "can = ['tools', 'vision']",
    "second@a": "can = ['tools']\nchannels = ['api']",
    "third@a": "can = ['vision']\ncontext_tokens = 1000",
    "fourth@a": "can = ['tools', 'vision']\nttft_ms = 60000\ntokens_per_second = 10",
    "fifth@a": "can = ['tools']\nregions = ['eu']",
    "sixth@a": "can = []",
    "seventh@a": "can = ['tools', 'vision']\nttft_ms = 100\ntokens_per_second = 500",
}
PRICE = "[[endpoint.price]]\nusd_per_mtok = { input = 1.0, cached = 0.1, output = 2.0 }\nsource = 'test'\n"
POLICY = """format = "weighbridge.policy/1"
fallback = ["driver", "second", "third", "fourth", "fifth", "sixth", "seventh"]
[choose]
kind = "rules"
else = "driver"
[[choose.rule]]
when = { task = ["math"] }
to = "specialist"
"""


def catalog():
    models = dict.fromkeys(id.split("@")[0] for id in CARDS)
    text = 'format = "weighbridge.catalog/1"\n' + "".join(f"[[model]]\nid = '{model}'\n" for model in models)
    for id, card in CARDS.items():
        text += f"[[endpoint]]\nid = '{id}'\nmodel = '{id.split('@')[0]}'\n{card}\n{PRICE}"
    return text


def exported(tool, work, target):
    """The policy's folder."""
    (work / "alike.toml").write_text(POLICY)
    (work / "alike-catalog.toml").write_text(catalog())
    folder = work / f"alike-{target}"
    roles = ["--driver", "first", "--specialist", "third"]
    tool.run("export", work / "alike.toml", "--to", target, "-o", folder, *roles, "--catalog", work / "alike-catalog.toml")
    return folder


def chat(content="Say hello.", **more):
    return {"model": "auto", "messages": [{"role": "user", "content": content}], **more}


def hint(**told):
    return chat(metadata=told)


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
LONG = "word " * 2000
# What a decision and its chain rest on.
ASKED = [
    chat(),
    chat(tools=TOOLS),
    chat([IMAGE]),  # an image alone: no prompt
    chat([IMAGE], tools=TOOLS),
    chat([IMAGE, {"type": "text", "text": "What is it?"}]),
    chat(LONG),
    chat(max_tokens=5000),
    hint(region="eu"),
    hint(region="us", channel="web"),
    hint(task="math"),
    hint(task="math", region="eu", channel="web"),
    hint(deadline_ms=3000),
    hint(deadline_ms="3000", value_usd="0.5"),
    hint(task="math", mine="kept"),
    chat(metadata=None, user=None, max_tokens=None),
    chat(user="somebody"),
]
# Names of all kinds.
NAMED = [
    {**body, "model": name}
    for name in ("auto", "driver", "specialist", "first", "second", "first@a", "first@b", "seventh@a", "nobody")
    for body in (chat(), chat(tools=TOOLS), chat([IMAGE]), hint(region="eu"), hint(task=7))
]
# Wrong in what a decision rests on.
BAD = [
    *[hint(**{name: wrong}) for name in ("task", "tenant", "session", "channel", "region") for wrong in (7, ["a"], {}, True)],
    *[hint(value_usd=wrong) for wrong in (-1, "-1", "much", [], True, 1e300, "1e300")],
    *[hint(deadline_ms=wrong) for wrong in (-1, "-1", 1.5, "soon", {}, False, 1 << 32, "99999999999")],
    *[{**chat(), name: wrong} for name in ("max_tokens", "max_completion_tokens") for wrong in (-1, "5", 1.5, True, [], 1 << 32)],
    chat(user=7),
    chat(user=["a"]),
    chat(7),
    chat([7]),
    chat([{"type": "text"}]),
    {"model": "auto", "messages": "hello"},
    {"model": "auto", "messages": [{"content": "hello"}]},
    {"model": "auto", "messages": [7]},
]
# LiteLLM takes `metadata` that is no object for none before a plugin sees it; these are for who sees the body.
WHOLE_BODY = [
    *[chat(metadata=wrong) for wrong in (7, "x", '{"task":"math"}', ["task"], True)],
    *[{**chat(), "stream": wrong} for wrong in ("yes", 1, [])],
    {**chat(stream=True), "stream_options": []},
    {"model": 7, "messages": []},
    {"messages": []},
]


class Serve:
    """`weighbridge serve` as a proxy for a folder's router file, before upstreams of its own."""

    def __init__(self, binary, folder):
        self.upstreams = {id: Upstream(id) for id in CARDS}
        command = [binary, "serve", str(folder / "policy.router.json"), "--listen", "127.0.0.1:0"]
        for id, upstream in self.upstreams.items():
            command += ["--upstream", f"{id}={upstream.base}"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        line = next((line for line in self.process.stderr if "http://" in line), "")
        check(line, "the proxy does not start")
        self.address = line.split("http://", 1)[1].split("/", 1)[0].split()[0]
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def ask(self, body):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        for upstream in self.upstreams.values():
            upstream.close()


def answered(ask, upstreams, body):
    """Status, headers and text, and who was asked with what, in order."""
    before = {name: len(upstream.asked) for name, upstream in upstreams.items()}
    status, headers, text = ask(body)
    got = [(name, asked) for name, upstream in upstreams.items() for asked in upstream.asked[before[name] :]]
    got.sort(key=lambda pair: pair[1].moment)
    return status, headers, text, [(name, asked[2]) for name, asked in got]


def param_of(text):
    return json.loads(text)["error"]["param"]


def same(what, serve, ask, upstreams, bodies, own_refusal=()):
    """The same endpoint first, or the same refusal; for a model in `own_refusal` any refusal will do."""
    for body in bodies:
        status, headers, text, asked = answered(serve.ask, serve.upstreams, body)
        found = answered(ask, upstreams, body)
        place = f"{what}: {json.dumps(body)[:300]}:"
        check([name for name, _ in asked][:1] == [name for name, _ in found[3]], place, asked, found)
        if body.get("model") in own_refusal:
            check(status >= 400 and found[0] >= 400, place, found)
            continue
        check(status == found[0], place, text, found)
        if status == 200:
            check("x-weighbridge-degraded" not in found[1], place, found)
            sent = found[3][0][1]
            check(sent.get("metadata") in (None, {"mine": "kept"}), "hints went upstream:", sent)
            if body["model"] == "auto":
                check(headers["x-weighbridge-endpoint"] == found[1]["x-weighbridge-endpoint"], place, found)
        else:
            check(param_of(text) == param_of(found[2]), place, text, found)
    print(f"{what}: {len(bodies)} bodies as serve")


def same_chains(what, serve, ask, upstreams, bodies):
    """Who is asked after whom where all fail, and who answers where only some do."""
    longest = 0
    for body in bodies:
        for alive in (None, "seventh@a", "sixth@a"):
            for held in (serve.upstreams, upstreams):
                for name, upstream in held.items():
                    upstream.fault = None if name == alive else 500
            status, headers, text, asked = answered(serve.ask, serve.upstreams, body)
            found = answered(ask, upstreams, body)
            order = [name for name, _ in asked]
            place = f"{what}: {json.dumps(body)[:300]}, alive {alive}:"
            check(order == [name for name, _ in found[3]], place, order, found)
            check((status == 200) == (found[0] == 200), place, status, found)
            if status == 200 and body["model"] == "auto":
                check(headers["x-weighbridge-served"] == found[1]["x-weighbridge-served"] == order[-1], place, found)
            longest = max(longest, len(order))
    for held in (serve.upstreams, upstreams):
        for upstream in held.values():
            upstream.fault = None
    check(longest > 5, "no chain is long:", longest)
    print(f"{what}: {3 * len(bodies)} chains as serve, up to {longest} endpoints")
