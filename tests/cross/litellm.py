"""Prices of a LiteLLM sheet in decimal arithmetic, against a catalog file made of it.

Usage: litellm.py SHEET CATALOG. Prints how many endpoints and prices agree; stops at the first
that does not.
"""

import json
import re
import sys
import tomllib
from decimal import ROUND_HALF_EVEN, Decimal

sheet_file, catalog_file = sys.argv[1:]
with open(sheet_file, encoding="utf-8") as file:
    sheet = json.load(file, parse_float=Decimal)
with open(catalog_file, "rb") as file:
    catalog = tomllib.load(file, parse_float=Decimal)


def rate(usd_per_token):
    """USD per million tokens, of whole picodollars a token."""
    return Decimal(usd_per_token).quantize(Decimal("1e-12"), ROUND_HALF_EVEN) * 1_000_000


def three(row, ending=""):
    names = ("input_cost_per_token", "cache_read_input_token_cost", "output_cost_per_token")
    found = [row.get(name + ending) for name in names]
    return [None if price is None else rate(price) for price in found]


def tiers(row, base):
    """Prices above a size: what a size does not name is the base's, but for the cache."""
    sizes = {int(size) * 1000 for size in re.findall(r"_cost_per_token_above_(\d+)k_tokens'", str(list(row)))}
    found = []
    for size in sorted(sizes):
        own = three(row, f"_above_{size // 1000}k_tokens")
        found.append((size, [own[0] if own[0] is not None else base[0], own[1], own[2] if own[2] is not None else base[2]]))
    return found


def ranged(row):
    found = [(int(Decimal(tier["range"][0])), three(tier)) for tier in row["tiered_pricing"]]
    return found[0][1], found[1:]


def made(rates):
    return [None if rates.get(name) is None else Decimal(rates[name]) for name in ("input", "cached", "output")]


known = {model["id"] for model in catalog["model"]}
endpoints = prices = 0
for endpoint in catalog["endpoint"]:
    row = sheet[endpoint["model"]]
    assert endpoint["id"] == f"{endpoint['model']}@{row['litellm_provider']}", endpoint["id"]
    assert endpoint["model"] in known, endpoint["id"]
    base = three(row)
    above = tiers(row, base)
    if base[0] is None:
        base, above = ranged(row)
    [price] = endpoint["price"]
    assert made(price["usd_per_mtok"]) == base, (endpoint["id"], price, base)
    found = [(tier["above_input_tokens"], made(tier["usd_per_mtok"])) for tier in price.get("tiers", [])]
    assert found == above, (endpoint["id"], found, above)
    assert price["source"].endswith(f"row {endpoint['model']}"), price["source"]
    for field, name in (("context_tokens", "max_input_tokens"), ("max_output_tokens", "max_output_tokens")):
        assert endpoint.get(field) == row.get(name), (endpoint["id"], field)
    can = [ability for ability, flag in (("tools", "supports_function_calling"), ("vision", "supports_vision")) if row.get(flag)]
    assert endpoint.get("can", []) == can, endpoint["id"]
    endpoints += 1
    prices += 3 + 3 * len(above)
print(json.dumps({"endpoints": endpoints, "prices": prices}))
