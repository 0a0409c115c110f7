"""The Python wheel from a fresh virtual environment: built, installed, tested, its stubs checked.

    python tests/cross/wheel.py [WEIGHBRIDGE]

WEIGHBRIDGE is the command whose decisions and figures the wheel must have; by default that of
target/release. Builds with maturin where others build the wheel too, so that what is compiled serves
again; `--keep FOLDER` leaves the environment there for the next run, which then replaces the wheel in
it alone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
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
    with tempfile.TemporaryDirectory() as out:
        build = [python, "-m", "maturin", "build", "--release", "--quiet", "--out", out]
        run(*build, cwd=WHEEL, env=environment)
        (wheel,) = Path(out).glob("*.whl")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB")
        run(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", wheel)
    # Not from the folder of the sources, which would be imported in the wheel's place.
    with tempfile.TemporaryDirectory() as elsewhere:
        run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", WHEEL / "tests", cwd=elsewhere, env=environment)
        mypy = [python, "-m", "mypy", "--strict", "--cache-dir", elsewhere, WHEEL / "tests" / "typed.py"]
        run(*mypy, cwd=elsewhere, env=environment)
        run(python, "-m", "mypy.stubtest", "weighbridge", cwd=elsewhere, env=environment)


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
