#!/usr/bin/env python3
"""Check this folder before it is mounted: `python3 check.py [--environment]`.

Needs nothing but Python 3.9 (no LiteLLM). Looks whether every file is as it was exported, loads the
router file as the plugin will (its golden requests are decided), and looks whether the config has a
model for every endpoint. With --environment: whether the variables of settings.env are set.
Exit codes: 0 fine, 1 something is wrong.
"""

import hashlib
import json
import logging
import os
import re
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))


def read(name):
    with open(os.path.join(FOLDER, name), "rb") as file:
        return file.read()


def faults_of_files(manifest):
    """Files that are gone, or not as they were exported; the config may well be adapted."""
    for shipped in manifest["files"]:
        try:
            same = hashlib.sha256(read(shipped["path"])).hexdigest() == shipped["sha256"]
        except OSError as error:
            yield f"{shipped['path']}: {error.strerror}"
            continue
        if not same and shipped["path"] in ("config.yaml", "settings.env"):
            print(f"note: {shipped['path']} was changed since the export")
        elif not same:
            yield f"{shipped['path']} was changed since the export; export the policy again"


def faults_of_deciding(manifest):
    """What keeps the plugin from deciding."""
    sys.path.insert(0, FOLDER)
    sys.dont_write_bytecode = True
    # LiteLLM, where it is installed, would fetch its price map over the network.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    logging.getLogger("weighbridge").setLevel(logging.CRITICAL)  # what it says is said below
    import weighbridge_plugin as plugin

    if plugin.hook.broken:
        yield f"policy.router.json: {plugin.hook.broken}"
        return
    print(f"the {plugin.hook.decider.runtime} loads the router file and decides its golden requests as written")
    data = {"model": "auto", "messages": [{"role": "user", "content": "Prove that it is optimal."}]}
    endpoint, _, others = plugin.hook.decider.choose(data, "acompletion", "check")
    print(f"a proof in one message goes to {endpoint}, and where that fails to: {', '.join(others) or 'nobody'}")
    if endpoint is not None and endpoint not in manifest["endpoints"]:
        yield f"it decides for {endpoint}, which is no endpoint of the manifest"


def faults_of_config(manifest):
    """Models that the config lacks. It is read as text: YAML is not in the standard library."""
    config = read("config.yaml").decode("utf-8")
    named = re.findall(r"^\s*-?\s*\{?\s*model_name:\s*[\"']?([^\"',\s}]+)", config, re.MULTILINE)
    for name in [*manifest["endpoints"], "auto"]:
        if name not in named:
            yield f"config.yaml: no model_name {name}; requests that are decided for it would go to the driver"
    if "weighbridge_plugin.hook" not in config:
        yield "config.yaml: litellm_settings.callbacks does not name weighbridge_plugin.hook; nothing would be routed"


def faults_of_environment():
    for name in re.findall(r"os\.environ/(\w+)", read("config.yaml").decode("utf-8")):
        if not os.environ.get(name):
            yield f"the variable {name} is not set"


def main(arguments):
    if arguments not in ([], ["--environment"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        manifest = json.loads(read("manifest.json"))
        faults = [*faults_of_files(manifest), *faults_of_deciding(manifest), *faults_of_config(manifest)]
        faults += faults_of_environment() if arguments else []
    except (OSError, ValueError, KeyError) as error:
        faults = [f"manifest.json or config.yaml cannot be read: {error!r}"]
    for fault in dict.fromkeys(faults):
        print(f"error: {fault}", file=sys.stderr)
    print("ready to mount" if not faults else f"{len(faults)} fault{'s' * (len(faults) > 1)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
