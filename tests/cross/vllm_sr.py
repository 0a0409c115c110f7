"""Policies of rules in the vLLM semantic router: its own validator, ours, and the decisions.

    python tests/cross/vllm_sr.py [--binary PATH]

Needs vllm-sr (which brings PyYAML) and google-re2. Each bundled policy of rules and one that uses
every condition is exported; then

- `vllm-sr config validate` accepts the configuration, and so does the folder's own check.py, which
  refuses what the former lets through;
- the routes decide as `weighbridge decide` does, on the bundled trace and on prompts made to tell
  word boundaries apart. The semantic router itself needs a Go toolchain and is not run: signals and
  routes are a SIMULATION of their documented meaning, except that patterns are matched by RE2;
- policies that it cannot express are refused with the reason, and no folder is left.
"""

import argparse
import importlib.util
import itertools
import json
import operator
import subprocess
import sys
import tempfile
from pathlib import Path

import re2
import yaml

ROOT = Path(__file__).resolve().parents[2]
# A time at which every endpoint of the bundled policies has begun, and those that end have ended.
AT = "2026-02-01T12:00:00Z"
ROLES = ["--driver", "deepseek-v3.2", "--specialist", "deepseek-v3.2-speciale"]
EXPRESSED = ["always-driver", "always-specialist", "hard-math-and-code", "long-prompts"]
REFUSED = {
    "random-95-5": ['choose: kind = "random"'],
    "learned": ['choose: kind = "router"'],
    "rules-then-learned": ['choose.else: kind = "router"'],
}
EVERY_CONDITION = """format = "weighbridge.policy/1"
fallback = ["driver"]
[choose]
kind = "rules"
[[choose.rule]]
when = { all = [ { any = [ { prompt_any = ["prove", "Big  data", "été", "k"] }, { prompt_all = ["show", "closed form"] } ] }, { not = { task = ["chat", "a$b"] } } ] }
to = "specialist"
[[choose.rule]]
when = { any = [ { tenant = ["acme"], region = ["eu"] }, { all = [ { prompt_bytes = { min = 40, max = 60 } }, { not = { needs = ["tools"] } } ] } ] }
[choose.rule.to]
kind = "threshold"
feature = "prompt_bytes"
above = 50.5
to = "driver"
else = "specialist"
[[choose.rule]]
when = { any = [ { task = [] }, { prompt_any = [] }, { not = { all = [] } } ] }
to = "specialist"
[[choose.rule]]
when = { not = { any = [ { prompt_bytes = { max = 1200 } }, { channel = ["app"] } ] } }
to = "deepseek-v3.2-speciale@openrouter"
[choose.else]
kind = "always"
to = "driver"
"""
TRICKY = [
    "prove_it", "éprove", "proveé", "prove", "PROVE!", "pro\u200bve", "x-prove-y", "big_data", "big, DATA", "bigdata",
    "big\n\tdata", "\u212a", "a \u212a b", "K", "_k_", "k9", "été", "ÉTÉ", "l'été.", "Show it in closed\u00a0form",
    "show: closed--form", "SHOW closed form", "clo\u017fed form show", "", " ", "x" * 40, "x" * 50, "x" * 51, "é" * 25,
    "x" * 1200, "x" * 1201, "proof", "Proof_", "lemma1", "theorem.", "race\u2014condition code", "race-condition",
    "na\u00efve prove", "\x7fprove\x00", "prove\U0001f600",
]


def run(call, **options):
    return subprocess.run([str(part) for part in call], capture_output=True, text=True, **options)


class Simulated:
    """The documented meaning of a configuration: signals, then the first route by priority."""

    def __init__(self, config):
        self.routes = sorted(config["routing"]["decisions"], key=lambda route: -route["priority"])
        self.signals = {
            (kind, signal["name"]): signal
            for kind, signals in config["routing"].get("signals", {}).items()
            for signal in signals
        }
        self.patterns = {
            key: re2.compile(signal["feature"]["source"]["pattern"].replace("$$", "$"))
            for key, signal in self.signals.items()
            if signal.get("feature", {}).get("source", {}).get("type") == "regex"
        }

    def matches(self, key, body):
        kind, signal = key[0], self.signals[key]
        users = [m["content"] for m in body["messages"] if m["role"] == "user"]
        others = [m["content"] for m in body["messages"] if m["role"] != "user"]
        text = next((t for t in reversed(users) if t), "") or " ".join(others)
        if kind == "structure":
            if key in self.patterns:
                return self.patterns[key].search(text) is not None
            size = len(text.encode())
            tests = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
            return all(tests[name](size, limit) for name, limit in signal["predicate"].items())
        if kind == "conversation":
            source = signal["feature"]["source"]["type"]
            return bool({"message": users, "tool_definition": body.get("tools"), "image_content": body.get("images")}[source])
        if kind == "metadata":
            value, predicate = body["metadata"].get(signal["key"]), signal["predicate"]
            if "in" in predicate:
                return value in [item.replace("$$", "$") for item in predicate["in"]]
            return (value is not None) == predicate["exists"]
        assert kind == "context", kind
        size = sum(len(m["content"].encode()) for m in body["messages"])
        return int(signal["min_tokens"]) <= -(-size // 4) <= int(signal["max_tokens"])

    def holds(self, rule, body):
        if "type" in rule:
            return self.matches((rule["type"], rule["name"]), body)
        parts = (self.holds(part, body) for part in rule["conditions"])
        return {"AND": all, "OR": any, "NOT": lambda p: not next(p)}[rule["operator"]](parts)

    def decide(self, body):
        """The model of the route that takes it; none: it is answered that no endpoint may."""
        route = next(route for route in self.routes if self.holds(route["rules"], body))
        return route["modelRefs"][0]["model"] if route.get("modelRefs") else None


def body_of(request):
    """The chat body that a request stands for."""
    messages = [{"role": "system", "content": "Please prove it: show big data in closed form. " + "x" * 50}]
    if request.get("prompt") is not None:
        messages.append({"role": "user", "content": request["prompt"]})
        # The system's text counts for the context alone, far from any limit.
    metadata = {name: request[name] for name in ("task", "tenant", "channel", "region") if request.get(name)}
    needs = request.get("needs") or []
    return {"messages": messages, "metadata": metadata, "tools": "tools" in needs, "images": "vision" in needs}


def requests():
    """The bundled prompts, and the tricky ones with every other field varied."""
    found = []
    with open(ROOT / "traces/engineering.jsonl", encoding="utf-8") as file:
        next(file)
        for line in itertools.islice(file, 2000):
            found.append(json.loads(line)["request"])
    fields = itertools.product([None, "math", "code", "chat", "a$b"], [[], ["tools"], ["vision"]], [None, "app", "batch"])
    varied = list(fields)
    for place, prompt in enumerate(TRICKY * 7 + [None] * 15):
        task, needs, channel = varied[place % len(varied)]
        more = {"tenant": "acme", "region": "eu"} if place % 4 == 0 else {}
        if prompt == "":
            continue  # an empty last message is where the semantic router reads another text: said in the README
        found.append({"prompt": prompt, "task": task, "needs": needs, "channel": channel, **more})
    for request in found:
        request["at"] = AT
        request.pop("input_tokens", None)
    return found


def plain_keyword_differs(texts):
    """How many texts a plain keyword signal would see otherwise: `\\bword\\b` with `_` in words and
    letters beyond ASCII outside them, by RE2."""
    words = ["prove", "k", "été"]
    keyword = re2.compile("|".join(rf"(?i)\b{word}\b" for word in words))
    between = r"[^0-9A-Za-z\x{80}-\x{10FFFF}]"
    ours = re2.compile(rf"(?:\A|{between})(?:[pP][rR][oO][vV][eE]|[kK]|été)(?:{between}|\z)")
    return sum((keyword.search(text) is None) != (ours.search(text) is None) for text in texts)


def exported(binary, policy, folder):
    """The configuration of a policy, and its router file."""
    out = folder / policy.stem
    done = run([binary, "export", policy, "--to", "vllm-sr", "-o", out, *ROLES])
    assert done.returncode == 0, done.stderr
    return out


def check(binary, policy, folder, asked, wrong):
    out = exported(binary, policy, folder)
    path = out / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    validator = [Path(sys.executable).parent / "vllm-sr", "config", "validate", "--config"]
    done = run([*validator, path])
    if done.returncode != 0:
        wrong.append(f"{policy.stem}: vllm-sr config validate: {done.stdout}{done.stderr}")
    done = run([sys.executable, out / "check.py"])
    if done.returncode != 0:
        wrong.append(f"{policy.stem}: check.py: {done.stderr}")
    lines = "".join(json.dumps({"id": str(i), "request": request}) + "\n" for i, request in enumerate(asked))
    done = run([binary, "decide", out / "policy.router.json", "-"], input=lines)
    assert done.returncode == 0, done.stderr
    simulated, other = Simulated(config), []
    for request, line in zip(asked, done.stdout.splitlines(), strict=True):
        choice = json.loads(line)["choice"]
        said, found = next(iter(choice), None), simulated.decide(body_of(request))
        if said != found:
            other.append(f"{request!r}: {said} by the policy, {found} by the routes")
    print(f"{policy.stem}: {len(config['routing']['decisions'])} routes, {len(asked) - len(other)} of {len(asked)} alike")
    wrong.extend(f"{policy.stem}: {fault}" for fault in other[:5])
    return out, config, validator


def check_the_checks(out, config, validator, wrong):
    """What the validator lets through, and ours does not."""
    spec = importlib.util.spec_from_file_location("check", out / "check.py")
    ours = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ours)
    assert ours.faults(config) == []

    def broken(change):
        other = json.loads(json.dumps(config))
        change(other["routing"])
        return other

    keyword = {"name": "w", "operator": "MAYBE", "keywords": ["a"]}
    cases = {
        "keyword operator": lambda r: r["signals"].update(keywords=[keyword]),
        "conversation source": lambda r: r["signals"]["conversation"][0]["feature"]["source"].update(type="nonsense"),
        "structure source": lambda r: r["signals"]["structure"][0]["feature"]["source"].update(type="regexp"),
    }
    for name, change in cases.items():
        other = broken(change)
        path = out / "broken.yaml"
        path.write_text(yaml.safe_dump(other), encoding="utf-8")
        passed = run([*validator, path]).returncode == 0
        path.unlink()
        print(f"{name}: vllm-sr config validate {'lets it through' if passed else 'refuses it'}; ours refuses it")
        if not ours.faults(other):
            wrong.append(f"check.py lets a broken {name} through")
    negated = broken(lambda r: r["decisions"][0]["rules"].update(operator="NOT"))
    if len(negated["routing"]["decisions"][0]["rules"]["conditions"]) != 1 and not ours.faults(negated):
        wrong.append("check.py lets NOT with several conditions through")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/weighbridge")
    binary = parser.parse_args().binary
    wrong, asked = [], requests()
    differs = plain_keyword_differs(TRICKY)
    print(f"a plain keyword signal would see {differs} of {len(TRICKY)} tricky prompts otherwise")
    if differs == 0:
        wrong.append("the tricky prompts tell nothing apart")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        every = folder / "every-condition.toml"
        every.write_text(EVERY_CONDITION, encoding="utf-8")
        for policy in [*(ROOT / f"policies/{name}.toml" for name in EXPRESSED), every]:
            out, config, validator = check(binary, policy, folder, asked, wrong)
        check_the_checks(out, config, validator, wrong)
        for name, reasons in REFUSED.items():
            done = run([binary, "export", ROOT / f"policies/{name}.toml", "--to", "vllm-sr", "-o", folder / name, *ROLES])
            if done.returncode != 1 or (folder / name).exists() or not all(reason in done.stderr for reason in reasons):
                wrong.append(f"{name}: not refused as it should be: {done.returncode} {done.stderr}")
    print("\n".join(wrong) or "the semantic router's configuration holds")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
