"""The README's tour by an installed wheel: a fresh environment, the wheel and nothing else, every command.

    python tests/cross/tour.py WHEEL

Runs the README's blocks that are marked `sh` in order, in a folder that has what a checkout has, with the
wheel's command first on the path; the server of the tour is started and asked.
"""

import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def commands(readme):
    for block in readme.split("```sh\n")[1:]:
        for line in block.split("```")[0].splitlines():
            line = line.split(" #")[0].strip()
            if line:
                yield line.replace("cargo run --release --", "weighbridge")


def main():
    wheel = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        venv.create(work / "venv", with_pip=True)
        programs = work / "venv" / "bin"
        subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)
        folder = work / "tour"
        folder.mkdir()
        for name in ["policies", "models", "traces", "gateways"]:
            (folder / name).symlink_to(ROOT / name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        run = {"cwd": folder, "env": environment}
        servers, count = [], 0
        try:
            for command in commands((ROOT / "README.md").read_text().replace("127.0.0.1:8787", address)):
                program = shlex.split(command)[0]
                if program in ("cargo", "export"):
                    continue
                print("$", command, flush=True)
                if command.startswith("weighbridge serve"):
                    servers.append(subprocess.Popen(shlex.split(command), stderr=subprocess.DEVNULL, **run))
                    for _ in range(200):
                        with socket.socket() as probe:
                            if probe.connect_ex(("127.0.0.1", int(address.split(":")[1]))) == 0:
                                break
                        time.sleep(0.1)
                else:
                    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **run)
                count += 1
            module = "import weighbridge; print(weighbridge.Router.load('my.router.json').models)"
            subprocess.run([programs / "python", "-c", module], check=True, **run)
        except subprocess.CalledProcessError as error:
            sys.exit(f"{error}\n{(error.stderr or b'').decode()}")
        finally:
            for server in servers:
                server.kill()
        assert count >= 10, count
        print(f"{count} commands of the tour ended well by {wheel.name}")


if __name__ == "__main__":
    main()
