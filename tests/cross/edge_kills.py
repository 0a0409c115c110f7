"""Kills under load: what a recording loses by `kill -9`, measured.

Usage: edge_kills.py [--binary PATH] [--kills N] [--most SECONDS]

The real `weighbridge serve` records into one folder, is killed in the middle of its work, and started again
into the same folder, N times. After each kill the folder must be readable; in the end no line stands twice, and
every request that was answered earlier than `--most` before a kill is there.
"""

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from edge_soak import ROOT, Serve, compiled, lines_of, readable

CLIENTS = 4


def ask(serve, kill, number, answered):
    client, place = serve.connect(), 0
    body = {"request": {"prompt": "word " * 200}}
    while True:
        place += 1
        id = f"{kill}-{number}-{place}"
        try:
            client.request("POST", "/v1/route", json.dumps({"id": id, **body}))
            answer = client.getresponse()
            answer.read()
        except OSError:
            return
        except Exception:  # noqa: BLE001: an answer that was cut off is none
            return
        assert answer.status == 200, answer.status
        answered.append((id, time.monotonic()))


def main(binary, kills, most):
    with tempfile.TemporaryDirectory(prefix="weighbridge-kills-") as name:
        folder = Path(name)
        router, record = compiled(binary, folder, "router", 0.5), folder / "recorded"
        told = []  # (id, how long before its kill it was answered)
        for kill in range(kills):
            serve = Serve(binary, router, record, "--segment-mb", "1")
            answered = [[] for _ in range(CLIENTS)]
            clients = [threading.Thread(target=ask, args=(serve, kill, number, answered[number])) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            time.sleep(0.6 + 0.07 * (kill % 11))
            killed = time.monotonic()
            serve.end(signal.SIGKILL)
            for client in clients:
                client.join()
            told += [(id, killed - at) for answers in answered for id, at in answers]
            readable(binary, record)
        serve = Serve(binary, router, record)
        code, said = serve.end(signal.SIGTERM)
        assert code == 0, said
        readable(binary, record)
        seen = Counter(line["id"] for line in lines_of(record, "weighbridge-"))
        doubled = [id for id, times in seen.items() if times > 1]
        assert not doubled, f"{len(doubled)} stand twice: {doubled[:5]}"
        lost = [before for id, before in told if id not in seen]
        longest = max(lost, default=0.0)
        worst = [max((at for id, at in told if id.startswith(f"{kill}-") and id not in seen), default=0.0) for kill in range(kills)]
        print("kills: the oldest loss of each, s:", " ".join(f"{at:.3f}" for at in worst))
        print(f"kills: {kills}, {len(told)} answered, {len(lost)} lost, the oldest {longest:.3f} s before its kill; 0 doubled")
        assert longest <= most, f"lost {longest:.3f} s before the kill, more than {most}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/weighbridge")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--most", type=float, default=0.11)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    main(given.binary.resolve(), given.kills, given.most)
