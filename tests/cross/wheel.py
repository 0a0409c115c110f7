"""The Python wheel from a fresh virtual environment: built, installed, tested, its stubs checked, and the
command that it brings called.

    python tests/cross/wheel.py [WEIGHBRIDGE]

WEIGHBRIDGE is the command whose decisions and figures the wheel must have; by default that of
target/release; the wheel is built around it. `--keep FOLDER` leaves the environment there for the next
run, which then replaces the wheel in it alone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHEEL = ROOT / "bindings" / "python"
TOOLS = ["maturin==1.16.0", "pytest==9.2.0", "mypy==2.4.1", "pyarrow==26.0.1", "polars==2.1.0"]


def run(*command, **options):
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, **options)


def check(folder, command):
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *TOOLS)
    environment = {**os.environ, "WEIGHBRIDGE": str(command), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["WEIGHBRIDGE_COMMAND"] = str(command)
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as out:
        build = [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", out]
        run(*build, WHEEL, env=environment)
        (wheel,) = Path(out).glob("*.whl")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB")
        run(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", wheel)
    # Not from the folder of the sources, which would be imported in the wheel's place.
    with tempfile.TemporaryDirectory() as elsewhere:
        run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", WHEEL / "tests", cwd=elsewhere, env=environment)
        mypy = [python, "-m", "mypy", "--strict", "--cache-dir", elsewhere, WHEEL / "tests" / "typed.py"]
        run(*mypy, cwd=elsewhere, env=environment)
        run(python, "-m", "mypy.stubtest", "weighbridge", cwd=elsewhere, env=environment)
        call(folder / "bin" / "weighbridge", command, elsewhere)


def call(installed, command, folder):
    """The command of the wheel does what the one does that it was built around, and starts at once."""
    trace = Path(folder) / "t.jsonl"
    run(installed, "generate", "--quiet", "--requests", "200", "-o", trace)
    ask = ["replay", str(trace), "-p", str(ROOT / "policies" / "always-driver.toml"), "--value", "2", "--format", "json"]
    said = [subprocess.run([program, *ask], check=True, capture_output=True).stdout for program in (installed, command)]
    assert said[0] == said[1] and said[0], said
    times = []
    for _ in range(20):
        start = time.perf_counter()
        subprocess.run([installed, "--version"], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    print(f"the installed command starts and ends in {1000 * sorted(times)[10]:.1f} ms at the median")


def main():
    parse = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parse.add_argument("command", nargs="?", type=Path, default=ROOT / "target" / "release" / "weighbridge")
    parse.add_argument("--keep", type=Path, metavar="FOLDER")
    options = parse.parse_args()
    command = options.command.resolve()
    if not command.exists():
        print(f"{command}: there is no such file; build it by cargo build --release", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as fresh:
        check(options.keep.resolve() if options.keep else Path(fresh) / "venv", command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
