"""What the tests share: the bundled trace, routers compiled from the repository's policies, and the command."""

import importlib.util
import json
import os
import subprocess
from functools import cache
from pathlib import Path

import weighbridge

ROOT = Path(__file__).resolve().parents[3]
TRACE = ROOT / "traces" / "engineering.jsonl"
LEARNED = ROOT / "models" / "engineering.router.json"
COMMAND = os.environ.get("WEIGHBRIDGE", str(ROOT / "target" / "release" / "weighbridge"))
ROLES = ["--driver", "deepseek-v3.2", "--specialist", "deepseek-v3.2-speciale"]
POLICIES = ["always-driver", "always-specialist", "hard-math-and-code", "random-95-5"]


def run(*arguments, stdin=None, code=0):
    """The command's standard output; `code` is what it must exit with."""
    done = subprocess.run([COMMAND, *map(str, arguments)], input=stdin, capture_output=True, check=False)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout if code == 0 else done.stderr.decode()


def compiled(folder, policy):
    """The router file of a policy of the repository."""
    path = Path(folder) / f"{policy}.router.json"
    if not path.exists():
        run("compile", ROOT / "policies" / f"{policy}.toml", *ROLES, "-o", path)
    return path


@cache
def lines():
    """The bundled trace's lines, each parsed; without its header."""
    with open(TRACE, encoding="utf-8") as file:
        return [json.loads(line) for line in file][1:]


@cache
def one_file():
    """The one-file Python loader."""
    path = ROOT / "gateways" / "python" / "weighbridge_router.py"
    spec = importlib.util.spec_from_file_location("weighbridge_router", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def refused(call, *arguments, **named):
    """The message of the error that a call must raise: one line."""
    try:
        found = call(*arguments, **named)
    except weighbridge.RouterError as error:
        message = str(error)
        assert message and "\n" not in message
        return message
    raise AssertionError(f"nothing was refused: {found!r}")
