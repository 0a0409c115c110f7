"""Tallies: equal to `weighbridge replay`, the same bytes however the rows are dealt out, and what is refused."""

import itertools
import json
import random
import threading

import polars
import pyarrow as pa
import pytest

import weighbridge
from support import LEARNED, TRACE, lines, refused, run

VALUE = 2.0
REPLICATES = 100


def rows():
    """The bundled trace in the long form: a dict an outcome."""
    for line in lines():
        request = dict(line["request"])
        request["request_input_tokens"] = request.pop("input_tokens", None)
        for outcome in line["outcomes"]:
            yield {"id": line["id"], **request, **outcome}


@pytest.fixture(scope="module")
def table():
    every = list(rows())
    names = list(dict.fromkeys(name for row in every for name in row))
    return pa.table({name: [row.get(name) for row in every] for name in names})


@pytest.fixture(scope="module")
def begin(routers):
    def begin(**named):
        return weighbridge.Tally(routers, **{"value_usd": VALUE, "replicates": REPLICATES, **named})

    return begin


@pytest.fixture(scope="module")
def whole(begin, table):
    tally = begin()
    tally.update(table)
    tally.finish()
    return tally.to_bytes()


def test_its_figures_are_those_of_replay(begin, table, files, tmp_path):
    tally = begin()
    tally.update(table)
    found = tally.finish()
    out = tmp_path / "report.json"
    run("replay", TRACE, "-p", *files, "--value", VALUE, "--replicates", REPLICATES, "-o", out)
    report = json.loads(out.read_text())
    assert found["requests"] == report["trace"]["requests"]
    assert found["compared"] == report["trace"]["compared"]
    assert len(found["policies"]) == len(report["policies"]) == 5
    figures = 0
    for ours, theirs in zip(found["policies"], report["policies"]):
        for field, figure in ours.items():
            # Hindsight is a floor: it needs the outcomes side by side.
            if field not in ("name", "regret_usd_per_request"):
                assert figure == theirs[field], (ours["name"], field)
                figures += 1
    assert figures == 5 * 15
    theirs = {(it["a"], it["b"], it["figure"]): it["difference"] for it in report["comparisons"]}
    names = dict(zip((it["name"] for it in found["policies"]), (it["name"] for it in report["policies"])))
    assert found["comparisons"]
    for it in found["comparisons"]:
        assert it["difference"] == theirs[names[it["a"]], names[it["b"]], it["figure"]]


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 10**6])
def test_it_is_the_same_bytes_in_any_batch_size_order_and_number_of_parts(begin, table, whole, size):
    part = table if size > 2 else table.slice(0, 800)
    draw = random.Random(size)
    batches = part.to_batches(max_chunksize=size)
    expected = whole
    if size <= 2:
        straight = begin()
        straight.update(part)
        straight.finish()
        expected = straight.to_bytes()
    for count in (1, 3, 8):
        parts = [begin() for _ in range(count)]
        draw.shuffle(batches)
        for batch in batches:
            draw.choice(parts).update(batch)
        total = begin()
        for place, tally in enumerate(parts):
            match place % 3:
                case 0:
                    total.merge(tally)
                case 1:
                    total.merge(tally.to_bytes())
                case _:
                    total.merge(pa.record_batch({"tally": [tally.to_bytes(), None]}))
        total.finish()
        assert total.to_bytes() == expected


def test_merging_is_associative_and_commutative_open_requests_included(begin, table):
    parts = []
    for batch in table.slice(0, 3001).to_batches(max_chunksize=1001):
        parts.append(begin())
        parts[-1].update(batch)
    assert len(parts) == 3 and all(tally.open == 2 for tally in parts)
    seen = set()
    for first, second, third in itertools.permutations(parts):
        left, right, inner = begin(), begin(), begin()
        for tally in (first, second, third):
            left.merge(tally)
        inner.merge(second)
        inner.merge(third)
        right.merge(first)
        right.merge(inner)
        seen |= {left.to_bytes(), right.to_bytes()}
    assert len(seen) == 1


def test_whole_batches_leave_nothing_open(begin, table, whole):
    tally = begin()
    tally.update(table, whole=True)
    assert (tally.open, tally.requests) == (0, len(lines()))
    tally.finish()
    assert tally.to_bytes() == whole


def cast(table, **types):
    for name, kind in types.items():
        place = table.schema.get_field_index(name)
        column = table.column(name)
        column = column.combine_chunks().dictionary_encode() if kind == "dictionary" else column.cast(kind)
        table = table.set_column(place, name, column)
    return table


FORMS = {
    "large": {"id": pa.large_string(), "prompt": pa.large_string(), "needs": pa.large_list(pa.large_string())},
    "views": {"id": pa.string_view(), "prompt": pa.string_view(), "task": pa.string_view()},
    "dictionaries": dict.fromkeys(["id", "model", "endpoint", "status", "task", "tenant"], "dictionary"),
    "narrow": {"input_tokens": pa.int32(), "output_tokens": pa.uint32(), "turn": pa.int8(), "latency_ms": pa.uint64()},
    "floats": {"input_tokens": pa.float64(), "turn": pa.float32(), "score": pa.float32()},
    "truth": {"score": pa.bool_()},
    "times": {"at": pa.timestamp("ms", "UTC")},
    "microseconds": {"at": pa.timestamp("us", "UTC")},
    "nanoseconds": {"at": pa.timestamp("ns", "UTC")},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_column_may_come_in_any_form(begin, table, whole, form):
    tally = begin()
    for batch in cast(table, **FORMS[form]).to_batches(max_chunksize=999):
        tally.update(batch.slice(0, 100))
        tally.update(batch.slice(100))
    tally.finish()
    assert tally.to_bytes() == whole


def test_data_frames_and_readers_are_taken_as_they_are(begin, table, whole):
    for data in (polars.from_arrow(table), table.to_reader(max_chunksize=500)):
        tally = begin()
        tally.update(data)
        tally.finish()
        assert tally.to_bytes() == whole


def test_texts_may_stand_for_lists_and_for_money(begin, table):
    needs = [",".join(items or []) for items in table.column("needs").to_pylist()]
    names = table.column_names
    texts = table.set_column(names.index("needs"), "needs", [needs])
    tallies = []
    for data in (
        table.append_column("cost_usd", pa.array([0.25] * len(table))),
        texts.append_column("cost_usd", pa.array(["0.25"] * len(table))),
    ):
        tallies.append(begin())
        tallies[-1].update(data)
        tallies[-1].finish()
    assert tallies[0].to_bytes() == tallies[1].to_bytes()


def test_another_specification_is_refused(begin, routers, whole):
    tally = begin()
    others = [
        begin(seed=2),
        begin(value_usd=3.0),
        begin(wrong_usd=0.5),
        begin(replicates=REPLICATES + 1),
        begin(pass_at=0.5),
        begin(as_of="2026-01-01"),
        weighbridge.Tally({**routers, "engineering": routers["random-95-5"]}, value_usd=VALUE, replicates=REPLICATES),
        weighbridge.Tally(dict(list(routers.items())[1:]), value_usd=VALUE, replicates=REPLICATES),
    ]
    for other in others:
        assert "different" in refused(tally.merge, other)
        assert "different" in refused(tally.merge, other.to_bytes())
    assert len({tally.spec_sha256, *(other.spec_sha256 for other in others)}) == len(others) + 1
    assert tally.spec_sha256 == begin().spec_sha256
    tally.merge(whole)
    assert tally.to_bytes() != begin().to_bytes()


def test_damaged_bytes_are_refused_and_change_nothing(begin, whole):
    tally = begin()
    before = tally.to_bytes()
    draw = random.Random(5)
    damaged = [b"", b"garbage", whole[:-1], whole + b"\0", draw.randbytes(5000)]
    for _ in range(300):
        place = draw.randrange(len(whole))
        damaged.append(whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :])
        damaged.append(whole[:place])
    for bytes_ in damaged:
        refused(tally.merge, bytes_)
        refused(tally.merge, pa.record_batch({"tally": [before, bytes_]}))
    assert "no such column" in refused(tally.merge, pa.record_batch({"a": [1]}))
    assert tally.to_bytes() == before


def test_a_wrong_cell_is_named_and_the_batch_left_out(begin, table):
    tally = begin()
    tally.update(table.slice(0, 10))
    before = tally.to_bytes()
    some = table.slice(10, 4)
    names = table.column_names

    def having(name, values):
        return some.set_column(names.index(name), name, [values])

    for data, says in [
        (some.drop_columns(["id"]), "id: there is no such column"),
        (having("id", ["a", "b", None, "d"]), "row 2: id: must not be empty"),
        (having("model", ["a", "b", None, "d"]), "row 2: model: is missing"),
        (having("score", [0.0, 1.0, 0.5, 1.5]), "row 3: score: must be true, false or a number in [0, 1], not 1.5"),
        (having("output_tokens", [1, 2, -3, 4]), "row 2: output_tokens: must be a whole number"),
        (having("output_tokens", [1.0, 2.5, 3.0, 4.0]), "row 1: output_tokens: must be a whole number"),
        (having("at", ["soon"] * 4), "row 0: at: `soon` is not a time"),
        (having("task", [1, 2, 3, 4]), "row 0: task: must be a text, not 1"),
        (having("needs", [1, 2, 3, 4]), "row 0: needs: must be a list of texts, not 1"),
        (having("score", pa.array([0, 1, 0, 1]).cast(pa.decimal128(19))), "row 0: score: has the Arrow type `d:19,0`"),
        (having("id", ["x"] * 4).set_column(names.index("model"), "model", [["m"] * 4]), "must agree"),
        (pa.table({"id": ["x", "x"], "model": ["m", "m"]}), "`m` has two outcomes for `x`"),
        (pa.table({"id": ["x"], "model": ["m"], "cached_tokens": [5], "input_tokens": [3]}), None),
        ("text", "must be Arrow data (a record batch, a table, a data frame), not str"),
        (pa.array([1]), "must be record batches"),
    ]:
        if says is not None:
            assert says in refused(tally.update, data), says
    assert tally.to_bytes() == before
    both = pa.Table.from_batches([*table.slice(20, 10).to_batches(), *having("at", ["soon"] * 4).to_batches()])
    refused(tally.update, both)
    assert tally.to_bytes() == before, "a stream is taken whole or not at all"


def test_a_finished_tally_takes_no_more_rows_but_other_finished_ones(begin, table):
    first, second = begin(), begin()
    first.update(table.slice(0, 100))
    second.update(table.slice(100, 101))
    first.finish()
    assert "finished" in refused(first.update, table.slice(0, 10))
    assert "open requests" in refused(first.merge, second)
    second.finish()
    first.merge(second)
    assert first.figures()["requests"] == first.requests


def test_rows_of_one_request_that_are_given_twice_are_refused(begin, table):
    tally = begin()
    tally.update(table.slice(0, 2))
    assert "two outcomes for" in refused(tally.update, table.slice(0, 2))


def test_several_threads_may_add_to_one_tally(begin, table, whole):
    tally = begin()
    batches = table.to_batches(max_chunksize=500)
    threads = [threading.Thread(target=lambda part: [*map(tally.update, part)], args=(batches[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.finish()
    assert tally.to_bytes() == whole
    tally.merge(tally)
    assert tally.requests == 2 * len(lines())


def test_no_tally_is_begun_on_what_makes_no_sense(routers):
    for named, says in [
        ({"wrong_usd": 1.0}, "need value_usd"),
        ({"value_usd": -1.0}, "value_usd: must not be negative"),
        ({"value_usd": float("nan")}, "value_usd: an amount in USD must be a finite number"),
        ({"pass_at": 0.0}, "pass_at: must be in (0, 1], not 0"),
        ({"as_of": "soon"}, "as_of: `soon` is not a time"),
        ({"catalog": ["/none.toml"]}, "/none.toml: "),
        ({"replicates": 10**6}, "replicates: must be at most 100000"),
    ]:
        assert says in refused(weighbridge.Tally, routers, **named)
    assert "at least one" in refused(weighbridge.Tally, {})
    with pytest.raises(TypeError):
        weighbridge.Tally({"a": 5})
    assert str(LEARNED) and "0 requests" in repr(weighbridge.Tally(routers))
