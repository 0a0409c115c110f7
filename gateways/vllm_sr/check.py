#!/usr/bin/env python3
"""Check this folder before it is mounted: python check.py [config.yaml]

Needs PyYAML, which comes with `vllm-sr`. Checks what `vllm-sr config validate` lets through and the
router itself refuses, or worse, never matches: the enumerations of the signals, names that no signal
has, NOT with another number of conditions than one, two routes of one priority. Runs
`vllm-sr config validate` too where it is installed. Exit codes: 0 fit, 1 unfit.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
SOURCES = {
    "message",
    "tool_definition",
    "assistant_tool_call",
    "assistant_tool_cycle",
    "active_tool_loop",
    "image_content",
}
ROLES = {"user", "assistant", "system", "developer", "tool", "non_user"}


def signal_faults(kind, signal):
    """What is wrong with one signal."""
    feature = signal.get("feature") or {}
    source = feature.get("source") or {}
    predicate = signal.get("predicate") or {}
    if kind == "keywords":
        if signal.get("operator") not in ("AND", "OR", "NOR"):
            yield f"operator {signal.get('operator')!r} is none of AND, OR, NOR"
    elif kind == "conversation":
        if feature.get("type") not in ("exists", "count"):
            yield f"feature.type {feature.get('type')!r} is none of exists, count"
        if source.get("type") not in SOURCES:
            yield f"feature.source.type {source.get('type')!r} is none of {', '.join(sorted(SOURCES))}"
        if source.get("role") is not None and (source.get("type") != "message" or source["role"] not in ROLES):
            yield f"feature.source.role {source['role']!r} does not fit"
    elif kind == "structure":
        if (feature.get("type"), source.get("type")) not in (("exists", "regex"), ("count", "text_bytes")):
            yield "is neither `exists` of a regex nor `count` of text_bytes, which are all that is exported"
        if source.get("type") == "regex" and not (source.get("pattern") and source.get("case_sensitive") is True):
            yield "a regex needs a pattern and case_sensitive: true (its own folding is Unicode's)"
        if feature.get("type") == "exists" and predicate:
            yield "`exists` takes no predicate"
    elif kind == "metadata":
        if signal.get("key") not in ("task", "tenant", "channel", "region"):
            yield f"key {signal.get('key')!r} is none of task, tenant, channel, region"
        if len([name for name in ("equals", "in", "exists") if predicate.get(name) not in (None, [])]) != 1:
            yield "predicate must set exactly one of equals, in, exists"
    elif kind == "context":
        if not all(isinstance(signal.get(name), str) for name in ("min_tokens", "max_tokens")):
            yield "min_tokens and max_tokens are texts"
    else:
        yield f"there is no {kind} signal in what is exported"


def rule_faults(rule, names):
    """What is wrong with the rules of a route."""
    if "type" in rule:
        if (rule["type"], rule.get("name")) not in names:
            yield f"no signal {rule['type']}:{rule.get('name')}"
        return
    parts = rule.get("conditions")
    if rule.get("operator") not in ("AND", "OR", "NOT") or not isinstance(parts, list):
        yield f"operator {rule.get('operator')!r} with conditions {parts!r}"
        return
    if rule["operator"] == "NOT" and len(parts) != 1:
        yield f"NOT with {len(parts)} conditions never matches"
    for part in parts:
        yield from rule_faults(part, names)


def faults(config):
    """Everything that is wrong with a configuration."""
    routing, found, names = config["routing"], [], set()
    for kind, signals in (routing.get("signals") or {}).items():
        leaf = "keyword" if kind == "keywords" else kind
        for signal in signals:
            if (leaf, signal["name"]) in names:
                found.append(f"{leaf}:{signal['name']} stands twice")
            names.add((leaf, signal["name"]))
            found += [f"{leaf}:{signal['name']}: {fault}" for fault in signal_faults(kind, signal)]
    models = {model["name"] for model in config["providers"]["models"]}
    priorities = [route["priority"] for route in routing["decisions"]]
    if len(set(priorities)) != len(priorities):
        found.append("two routes have one priority")
    if routing.get("strategy") != "priority":
        found.append("routing.strategy must be priority")
    for route in routing["decisions"]:
        found += [f"{route['name']}: {fault}" for fault in rule_faults(route["rules"], names)]
        refs = [ref["model"] for ref in route.get("modelRefs", [])]
        if not (len(refs) == 1 and refs[0] in models or not refs and route.get("plugins")):
            found.append(f"{route['name']}: must name one model of providers.models, or answer itself")
    if routing["decisions"][-1]["rules"] != {"operator": "AND", "conditions": []}:
        found.append("the last route does not take what is left")
    return found


def main(arguments):
    path = Path(arguments[0]) if arguments else HERE / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = faults(config)
    program = shutil.which("vllm-sr")
    if program is None:
        print("note: vllm-sr is not installed, so its own validator was not asked", file=sys.stderr)
    else:
        asked = subprocess.run([program, "config", "validate", "--config", path], capture_output=True, text=True)
        if asked.returncode != 0:
            found.append(f"vllm-sr config validate: {(asked.stdout + asked.stderr).strip()}")
    for fault in found:
        print(f"unfit: {fault}", file=sys.stderr)
    if found:
        return 1
    models = config["providers"]["models"]
    unfilled = [model["name"] for model in models if ".invalid/" in str(model["backend_refs"])]
    if unfilled:
        print(f"note: to be filled in, the base_url of: {', '.join(unfilled)}", file=sys.stderr)
    print(f"{len(config['routing']['decisions'])} routes to {len(models)} models: fit")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
