"""A soak of the proxy with faults: what it takes it answers, what it answers it records, and its memory stays.

Usage: edge_soak.py [--binary PATH] [--seconds N] [--clients N]

The real `weighbridge serve`, recording, before two upstreams on loopback that answer, stream, fail, hang,
break off and lie. Clients ask whole and in streams, some leave in the middle, some report; meanwhile the
router file is replaced by good ones and broken ones, and the folder is read. It must be that no answered
request is lost or recorded twice, no accepted report is lost, the folder is readable at every look, nothing
is left open, and resident memory does not grow.
"""

import argparse
import gzip
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from upstream import Talk, serving

ROOT = Path(__file__).resolve().parents[2]
CATALOG = """format = "weighbridge.catalog/1"
[[model]]
id = "one"
[[model]]
id = "two"
[[endpoint]]
id = "one@here"
model = "one"
[[endpoint.price]]
usd_per_mtok = { input = 0.2, cached = 0.2, output = 0.8 }
source = "simulated"
[[endpoint]]
id = "two@here"
model = "two"
[[endpoint.price]]
usd_per_mtok = { input = 2.0, cached = 2.0, output = 8.0 }
source = "simulated"
"""
POLICY = """format = "weighbridge.policy/1"
fallback = ["one", "two"]
[choose]
kind = "random"
weights = { one = %s, two = %s }
"""
USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
LIES = {"prompt_tokens": -1, "completion_tokens": 4294967295, "prompt_tokens_details": {"cached_tokens": 1e400}}


# --- the upstreams ---------------------------------------------------------------------------------


class Faulty(Talk):
    """Answers by the number of the request: half of them well."""

    count = 0

    def do_POST(self):
        body = self.body()
        Faulty.count += 1
        what = ("well", "well", "well", "well", "500", "429", "reset", "late", "garbage", "empty", "lies", "trickle")
        try:
            self.answer(what[Faulty.count % len(what)], body)
        except OSError:
            self.close_connection = True  # The proxy has left, since its client has.

    def answer(self, what, body):
        if what in ("500", "429"):
            return self.whole({"error": {"message": "on demand"}}, int(what), {"retry-after": "0"})
        if what == "late":
            time.sleep(0.3)
        if what == "garbage":
            return self.whole("no answer")
        if what == "empty":
            return self.send_bytes(b"")
        usage = LIES if what == "lies" else USAGE
        head = {"id": "a", "created": 1, "model": body.get("model")}
        if not body.get("stream"):
            if what == "reset":
                return self.reset()
            choice = {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
            return self.whole({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
        self.begin_stream()
        for place in range(6):
            if place == 3 and what == "reset":
                return self.reset()
            if what == "trickle":
                time.sleep(0.05)
            delta = {"index": 0, "delta": {"content": f"{place} "}, "finish_reason": "stop" if place == 5 else None}
            self.piece(f"data: {json.dumps({**head, 'object': 'chat.completion.chunk', 'choices': [delta]})}\n\n")
        self.piece(f"data: {json.dumps({**head, 'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n")
        return self.piece("")

    def send_bytes(self, content):
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


# --- the tool --------------------------------------------------------------------------------------


class Serve:
    """`weighbridge serve` on a free port, recording; it heeds its router file."""

    def __init__(self, binary, router, record, *more):
        command = [binary, "serve", router, "--listen", "127.0.0.1:0", "--record", record, *more]
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=self.log)
        deadline = time.monotonic() + 60
        while "http://" not in self.said():
            assert self.process.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.02)
        self.port = int(self.said().split("http://127.0.0.1:", 1)[1].split("/", 1)[0])

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, body=None):
        client = self.connect()
        client.request(method, path, body)
        answer = client.getresponse()
        return answer.status, answer.read().decode()

    def rss(self):
        """Kilobytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self, signal_):
        self.process.send_signal(signal_)
        code = self.process.wait(90)
        said = self.said()
        self.log.close()
        return code, said


def compiled(binary, folder, name, share):
    (folder / "own.toml").write_text(CATALOG)
    (folder / f"{name}.toml").write_text(POLICY % (share, round(1 - share, 6)))
    out = folder / f"{name}.router.json"
    command = [binary, "compile", folder / f"{name}.toml", "-o", out, "--catalog", folder / "own.toml"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return out


def lines_of(record, prefix):
    """The whole lines of a recording, without headers; a last line may be cut off."""
    for path in sorted(record.glob(f"{prefix}*.jsonl*")):
        opened = gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")
        with opened as file:
            for place, line in enumerate(file):
                if place and line.endswith(b"\n"):
                    yield json.loads(line)


def readable(binary, record):
    done = subprocess.run([str(binary), "inspect", str(record)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- those who ask ---------------------------------------------------------------------------------


class Clients:
    """What they were told: answered ids, those they left, accepted reports."""

    def __init__(self, serve, count):
        self.serve, self.stop, self.lock = serve, threading.Event(), threading.Lock()
        self.answered, self.left, self.reported, self.statuses = set(), set(), 0, Counter()
        self.faults = []
        self.threads = [threading.Thread(target=self.guarded, args=(number,)) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def guarded(self, number):
        try:
            self.go(number)
        except Exception as error:  # noqa: BLE001: it is told by whoever waits
            self.faults.append(repr(error))

    def go(self, number):
        dice, client, place = random.Random(number), self.serve.connect(), 0
        while not self.stop.is_set():
            place += 1
            id, what = f"{number}-{place}", dice.random()
            if what < 0.1:
                self.leave(id, dice)
                continue
            if what < 0.2:
                reports = [{"id": f"{number}-{dice.randrange(1, place + 1)}", "score": 1} for _ in range(dice.randrange(1, 4))]
                status, said = self.send(client, "/v1/feedback", reports, id)
                assert status == 200, (status, said)
                with self.lock:
                    self.reported += len(reports)
                continue
            if what < 0.4:
                status, _ = self.send(client, "/v1/route", {"id": id, "request": {"prompt": "word " * dice.randrange(200)}}, id)
            else:
                status, _ = self.send(client, "/v1/chat/completions", self.chat(dice), id)
            with self.lock:
                self.answered.add(id)
                self.statuses[status] += 1

    @staticmethod
    def chat(dice):
        body = {"model": "auto", "messages": [{"role": "user", "content": "word " * dice.randrange(200)}]}
        return body | ({"stream": True} if dice.random() < 0.5 else {})

    @staticmethod
    def send(client, path, body, id):
        client.request("POST", path, json.dumps(body), {"x-request-id": id, "content-type": "application/json"})
        answer = client.getresponse()
        try:
            return answer.status, answer.read()
        except (http.client.IncompleteRead, ConnectionError):
            # A stream whose upstream broke off ends so.
            client.close()
            return answer.status, b""

    def leave(self, id, dice):
        body = json.dumps(self.chat(dice)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nx-request-id: {id}\r\ncontent-length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.serve.port), 60) as stream:
            stream.sendall(head.encode() + body[: dice.choice([0, len(body) // 2, len(body)])])
            time.sleep(dice.random() * 0.05)
        with self.lock:
            self.left.add(id)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.faults, self.faults


class Reloads:
    """The router file in turn: good, cut off, good, a folder, good, nothing, good, a link to nowhere."""

    def __init__(self, folder, current, good):
        self.folder, self.current, self.good, self.turn = folder, current, good, 0

    def next(self):
        self.turn += 1
        fresh = self.folder / "next.tmp"
        if self.current.is_dir() and not self.current.is_symlink():
            self.current.rmdir()
        kind = self.turn % 8
        if kind % 2 == 0:
            shutil.copy(self.good[self.turn % len(self.good)], fresh)
            os.replace(fresh, self.current)
        elif kind == 1:
            fresh.write_bytes(self.good[0].read_bytes()[:700])
            os.replace(fresh, self.current)
        else:
            self.current.unlink()
            if kind == 3:
                self.current.mkdir()
            elif kind == 7:
                self.current.symlink_to("nowhere")


def main(binary, seconds, count):
    with tempfile.TemporaryDirectory(prefix="weighbridge-soak-") as name:
        folder = Path(name)
        good = [compiled(binary, folder, f"good-{share}", share) for share in (0.5, 0.25)]
        current, record = folder / "current.router.json", folder / "recorded"
        shutil.copy(good[0], current)
        more = []
        for model in ("one", "two"):
            more += ["--upstream", f"{model}=http://127.0.0.1:{serving(Faulty).server_address[1]}/v1"]
        serve = Serve(binary, current, record, "--explore", "0.2", "--segment-mb", "1", *more)
        before = serve.open_files()
        clients, reloads, memory = Clients(serve, count), Reloads(folder, current, good), []
        began = time.monotonic()
        looked = 0
        while (now := time.monotonic() - began) < seconds:
            memory.append((now, serve.rss()))
            if now > 1.7 * reloads.turn:
                reloads.next()
            if now > 10 * (looked + 1):
                looked += 1
                readable(binary, record)
            assert serve.process.poll() is None and not clients.faults, (clients.faults, serve.said()[-3000:])
            time.sleep(0.25)
        clients.end()
        deadline = time.monotonic() + 60
        while serve.open_files() > before + 8:
            assert time.monotonic() < deadline, f"{serve.open_files()} files open, {before} before"
            time.sleep(0.5)
        metrics = serve.ask("GET", "/metrics")[1]
        code, said = serve.end(signal.SIGTERM)
        assert code == 0, said[-3000:]
        readable(binary, record)
        check(record, clients, metrics)
        flat(memory, seconds)
        print(
            f"soak: {seconds} s, {len(clients.answered)} answered {dict(sorted(clients.statuses.items()))}, {len(clients.left)} left, "
            f"{clients.reported} reports, {reloads.turn} reloads, {looked + 1} looks: 0 lost, 0 doubled"
        )


def check(record, clients, metrics):
    seen = Counter(line["id"] for line in lines_of(record, "weighbridge-"))
    doubled = [id for id, times in seen.items() if times > 1]
    assert not doubled, f"{len(doubled)} doubled: {doubled[:5]}"
    lost = clients.answered - set(seen)
    assert not lost, f"{len(lost)} lost: {sorted(lost)[:5]}"
    strange = set(seen) - clients.answered - clients.left
    assert not strange, f"{len(strange)} that nobody sent: {sorted(strange)[:5]}"
    reports = sum(1 for _ in lines_of(record, "feedback-"))
    assert reports == clients.reported, f"{reports} reports are there, {clients.reported} were accepted"
    for outcome in ("overflowed", "lost", "unfit"):
        line = next(it for it in metrics.splitlines() if f'recorded_total{{outcome="{outcome}"}}' in it)
        assert line.endswith(" 0"), line
    plain = [path.name for path in record.iterdir() if path.suffix == ".jsonl"]
    assert not plain, f"not compressed at the end: {plain}"


def flat(memory, seconds):
    """The last third takes no more than the second, but for what a segment that is compressed takes."""
    part = lambda begin, end: max(kb for at, kb in memory if begin * seconds <= at <= end * seconds)
    warm, last = part(1 / 3, 2 / 3), part(2 / 3, 1)
    print(f"soak: resident {memory[0][1]} KB at the start, at most {warm} KB in the second third, {last} KB in the last")
    assert last <= 1.1 * warm + 4096, f"resident memory grew from {warm} KB to {last} KB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/weighbridge")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--clients", type=int, default=8)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    main(given.binary.resolve(), given.seconds, given.clients)
