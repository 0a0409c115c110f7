"""The build of the wheel: maturin's, with the command beside the module.

The command is built from the root of the repository, or is the file that WEIGHBRIDGE_COMMAND names, and
goes where pip puts programs: no Python runs when it is called.
"""

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import maturin
from maturin import get_requires_for_build_wheel  # noqa: F401

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
# What stands in such a folder is a program of the wheel (the "data" of PEP 427).
SCRIPTS = HERE / "weighbridge.data" / "scripts"


def built():
    """The command of this source."""
    said = os.environ.get("WEIGHBRIDGE_COMMAND")
    if said:
        return Path(said)
    build = ["cargo", "build", "--release", "--locked", "--bin", "weighbridge", "--message-format", "json-render-diagnostics"]
    told = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = [json.loads(line).get("executable") for line in told.splitlines()]
    return Path(next(path for path in reversed(found) if path))


@contextmanager
def scripts():
    """The folder of programs, while it is needed: maturin wants it there for the metadata too."""
    shutil.rmtree(SCRIPTS.parent, ignore_errors=True)
    SCRIPTS.mkdir(parents=True)
    try:
        yield SCRIPTS
    finally:
        shutil.rmtree(SCRIPTS.parent)


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    with scripts():
        return maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    command = built()
    with scripts() as folder:
        place = folder / command.name
        shutil.copyfile(command, place)
        place.chmod(0o755)
        return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
