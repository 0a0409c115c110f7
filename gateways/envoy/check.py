#!/usr/bin/env python3
"""Check this folder, a configuration that was filled in, or the sidecar:

    python3 check.py                          every file as it was exported
    python3 check.py my.yaml                  nothing left to fill in; `envoy --mode validate`, where it is installed
    python3 check.py --sidecar http://HOST:PORT   it answers, and names an endpoint of this folder

Needs nothing but Python 3.9. Exit codes: 0 fine, 1 something is wrong, 2 the call is wrong.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request

FOLDER = os.path.dirname(os.path.abspath(__file__))


def manifest():
    with open(os.path.join(FOLDER, "manifest.json"), encoding="utf-8") as file:
        return json.load(file)


def faults_of_files():
    for shipped in manifest()["files"]:
        try:
            with open(os.path.join(FOLDER, shipped["path"]), "rb") as file:
                same = hashlib.sha256(file.read()).hexdigest() == shipped["sha256"]
        except OSError as error:
            yield f"{shipped['path']}: {error.strerror}"
            continue
        if not same:
            yield f"{shipped['path']} was changed since the export; export the policy again"


def faults_of_config(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for name in dict.fromkeys(re.findall(r"\$\{(\w+)\}", text)):
        yield f"{path}: ${{{name}}} is not filled in; use envsubst with the settings loaded"
    for found in re.findall(r'(?:address: ""|port_value: }|_literal: ""|filename: "")', text):
        yield f"{path}: `{found}` was filled in with nothing; is every setting set?"
    for name in dict.fromkeys(re.findall(r"%ENVIRONMENT\((\w+)\)%", text)):
        if not os.environ.get(name):
            yield f"the variable {name} is not set; Envoy reads the key from it"
    for endpoint in manifest()["endpoints"]:
        if f"cluster_name: {json.dumps(endpoint)}" not in text:
            yield f"{path}: there is no cluster for {endpoint}"
    if shutil.which("envoy"):
        done = subprocess.run(["envoy", "--mode", "validate", "-c", path], capture_output=True, text=True)
        if done.returncode:
            yield f"{path}: Envoy does not take it: {done.stderr.strip()[-500:]}"
    else:
        print("note: no `envoy` on the path; it was not asked")


def faults_of_sidecar(base):
    body = {"model": "auto", "messages": [{"role": "user", "content": "Prove that it is optimal."}]}
    headers = {"content-type": "application/json"}
    if os.environ.get("WEIGHBRIDGE_TOKEN"):
        headers["authorization"] = "Bearer " + os.environ["WEIGHBRIDGE_TOKEN"]
    request = urllib.request.Request(base.rstrip("/") + "/v1/route", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            endpoint = answer.headers["x-weighbridge-endpoint"]
    except OSError as error:
        yield f"{base}: {error}"
        return
    print(f"a proof in one message goes to {endpoint}")
    if endpoint not in manifest()["endpoints"]:
        yield f"{base}: {endpoint} is no endpoint of this folder; does it serve another file?"


def main(arguments):
    try:
        if not arguments:
            faults = list(faults_of_files())
        elif arguments[0] == "--sidecar" and len(arguments) == 2:
            faults = list(faults_of_sidecar(arguments[1]))
        elif len(arguments) == 1 and not arguments[0].startswith("-"):
            faults = list(faults_of_config(arguments[0]))
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (OSError, ValueError, KeyError) as error:
        faults = [f"cannot be read: {error}"]
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    print("fine" if not faults else f"{len(faults)} fault{'s' * (len(faults) > 1)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
