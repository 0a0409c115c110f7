"""The container image: built from the binary and Debian's packages, looked into, run, asked, and told to stop.

    python tests/cross/image.py [WEIGHBRIDGE]

Needs buildah and apt (root, or a user namespace). It runs in a chroot and not in namespaces of its own,
since a build machine may have none to give: that the image starts, decides and stops is tested, its
isolation is not.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TAG = "weighbridge-test"
ENVIRONMENT = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs", **os.environ}


def run(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout.strip()


def serve(container):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % free.getsockname()[1]
    mounted = f"{ROOT}/models/engineering.router.json:/etc/weighbridge/router.json:ro"
    command = ["/usr/local/bin/weighbridge", "serve", "/etc/weighbridge/router.json", "--listen", address]
    started = ["buildah", "run", "--volume", mounted, container, "--", *command]
    server = subprocess.Popen(started, env=ENVIRONMENT, start_new_session=True)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{address}/healthz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        ask = json.dumps({"request": {"prompt": "Prove it.", "at": "2025-12-02"}}).encode()
        with urllib.request.urlopen(f"http://{address}/v1/route", ask, timeout=5) as answer:
            assert json.load(answer)["endpoint"], answer
        told = run("pgrep", "-f", "-x", " ".join(command)).split()
        owner = Path(f"/proc/{told[0]}").stat().st_uid
        assert owner == 65532, owner
        os.kill(int(told[0]), signal.SIGTERM)
        assert server.wait(timeout=60) == 0, server.returncode
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)


def main():
    command = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/weighbridge").resolve()
    run(ROOT / "deploy/image", command, TAG)
    container = run("buildah", "from", TAG)
    try:
        assert run("buildah", "run", container, "--", "/usr/local/bin/weighbridge", "--version") == run(command, "--version")
        root = Path(run("buildah", "mount", container))
        files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
        print(f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB")
        roots = (root / "etc/ssl/certs/ca-certificates.crt").read_text().count("BEGIN CERTIFICATE")
        assert roots > 100 and not (root / "bin/sh").exists(), roots
        serve(container)
    finally:
        run("buildah", "rm", container)
        run("buildah", "rmi", TAG)
    print("the image starts, decides and stops; it has no shell and does not run as root")


if __name__ == "__main__":
    main()
