#!/usr/bin/env python3
"""Load a Weighbridge router file and decide, with nothing but the standard library (Python 3.9+).

This is the executable specification of the router file and of deciding: what the Rust crate does
fast, this file does readably, in the same order of floating-point operations. docs/formats.md says
the same in prose.

    python weighbridge_router.py FILE < requests.jsonl

prints a decision a line. Input lines are trace lines, {"id": ..., "request": {...}}, with or
without the trace's header line before them, or request objects alone, whose id is then the line's
number. Exit codes: 0 done, 1 the file or a line is wrong, 2 the call is wrong.

As a library:

    router = load("x.router.json")
    decision = router.decide({"prompt": "Prove that ...", "task": "math"})
    decision.choice                 # {"model@provider": 1000000}: parts per million by endpoint
    router.decide(request_of_chat(body))    # the body of an OpenAI chat completion

Every fault in a file or request raises RouterError with a message of one line.
"""

import array
import base64
import binascii
import decimal
import functools
import hashlib
import json
import math
import os
import re
import struct
import sys

FORMAT = "weighbridge.router/1"
MAX_HEADER_BYTES = 256
MAX_FILE_BYTES = 64 << 20
MAX_JSON_DEPTH = 127
MAX_CHOICE_DEPTH = 16
MAX_ENDPOINTS = 1000
MAX_GOLDEN = 256
MAX_CALIBRATION_ROWS = 1000
MAX_FACTOR = 1e6  # of means, scales, weights, biases, ...
MAX_LOG_TOKENS = 20.0
MAX_SCORES = 256
MAX_EMBEDDING = 4096
MAX_TREES = 1000
MAX_SPLITS = 255
MAX_MEAN_OF = 8
MEAN_EDGE = 1e-9
ONE = 1_000_000  # the whole, in parts per million
PICOS = 1e12  # picodollars in a dollar


class RouterError(Exception):
    """What is wrong with a file or a request; `path` says where, such as `heads[2].weights`."""

    def __init__(self, message, path=""):
        super().__init__(message)
        self.message = message
        self.path = path

    def within(self, outer):
        """The same error, one level further out."""
        glue = "" if not self.path or self.path.startswith("[") else "."
        return RouterError(self.message, f"{outer}{glue}{self.path}")

    def __str__(self):
        # One line, whatever a text of the file holds.
        text = f"{self.path}: {self.message}" if self.path else self.message
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


# --- JSON, read strictly ---------------------------------------------------------------------------


def _object(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise RouterError(f"the field `{twice}` stands twice in one object")
    return found


def _constant(name):
    raise RouterError(f"not valid JSON: {name} is no number")


def _float(text):
    number = float(text)
    if not math.isfinite(number):
        raise RouterError(f"not valid JSON: the number {text[:40]} is out of range")
    return number


def _int(text):
    # Beyond 19 digits no field is a whole number any more, and Python refuses to read very long ones.
    return _float(text) if text == "-0" or len(text) > 19 else int(text)


def _sound(value, depth=0):
    """Nothing is nested too deeply, and every text is text: a lone surrogate has no UTF-8."""
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise RouterError("not valid JSON: a lone surrogate in a text") from None
    elif isinstance(value, (dict, list)):
        if depth >= MAX_JSON_DEPTH:
            raise RouterError(f"not valid JSON: nested more than {MAX_JSON_DEPTH} deep")
        for item in [*value.keys(), *value.values()] if isinstance(value, dict) else value:
            _sound(item, depth + 1)


def _parse(text, twice=_object):
    """The value of a JSON text. Requests may have a key twice (the last counts), files may not."""
    try:
        value = json.loads(
            text, object_pairs_hook=twice, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
        _sound(value)
    except RecursionError:
        raise RouterError(f"not valid JSON: nested more than {MAX_JSON_DEPTH} deep") from None
    except ValueError as error:
        raise RouterError(f"not valid JSON: {error}") from None
    return value


def _shown(value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text if len(text) <= 40 else text[:37] + "..."


def _expected(what, value):
    return RouterError(f"must be {what}, not {_shown(value)}")


class Fields:
    """An object whose fields are taken one after the other; what nobody asked for is an error."""

    def __init__(self, value):
        if not isinstance(value, dict):
            raise _expected("an object", value)
        self.rest = dict(value)
        self.asked = []

    def take(self, name, read, default=None):
        """The field, read by `read`; absent or null: the default."""
        self.asked.append(name)
        value = self.rest.pop(name, None)
        if value is None:
            return default
        try:
            return read(value)
        except RouterError as error:
            raise error.within(name) from None

    def need(self, name, read):
        missing = object()
        value = self.take(name, read, missing)
        if value is missing:
            raise RouterError("this field is missing", name)
        return value

    def finish(self):
        for name in sorted(self.rest):
            raise RouterError(f"unknown field; known here: {', '.join(self.asked)}", name)


def _text(value):
    if not isinstance(value, str):
        raise _expected("a text", value)
    return value


def _list(read):
    def reader(value):
        if not isinstance(value, list):
            raise _expected("a list", value)
        items = []
        for place, item in enumerate(value):
            try:
                items.append(read(item))
            except RouterError as error:
                raise error.within(f"[{place}]") from None
        return items

    return reader


_texts = _list(_text)


def _boolean(value):
    if not isinstance(value, bool):
        raise _expected("true or false", value)
    return value


def _whole(value):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise _expected("a whole number from 0 to 4294967295", value)
    return value


def _number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _expected("a number", value)
    return float(value)


def _single(value):
    """The nearest 32-bit float."""
    try:
        return struct.unpack("<f", struct.pack("<f", _number(value)))[0]
    except OverflowError:
        raise RouterError("must be a finite 32-bit number") from None


def _usd(value):
    """Picodollars: the number's shortest decimal text, rounded half-even."""
    number = _number(value)
    picos = int(decimal.Decimal(repr(number)).scaleb(12).to_integral_value(decimal.ROUND_HALF_EVEN))
    if not -(1 << 63) <= picos < 1 << 63:
        raise RouterError(f"`{number!r}` is not an amount in USD (a decimal number, at most 9 million)")
    if picos < 0:
        raise RouterError(f"{number!r} USD must not be negative")
    return picos


def _rate(value):
    """Picodollars a token, of USD per million tokens: at most six decimal places, so exact."""
    number = _number(value)
    micros = round(number * 1e6) if abs(number) < 1e12 else -1
    if not 0 <= micros <= 1 << 53:
        raise RouterError(f"{number!r} is not a price")
    if micros / 1e6 != number:
        raise RouterError(f"{number!r} USD per million tokens is finer than a picodollar a token")
    return micros


FIRST_MS, LAST_MS = -62_167_219_200_000, 253_402_300_799_999  # what can be written: years have four digits
TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d)))?", re.ASCII
)


def _time(value):
    """Milliseconds since 1970 of an RFC 3339 time, or of a date's first moment in UTC."""
    match = TIME.fullmatch(_text(value))
    if match:
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        fraction, sign, hours, minutes = match.groups()[6:]
        hours, minutes = int(hours or 0), int(minutes or 0)
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
        dated = 1 <= month <= 12 and 1 <= day <= days[month - 1]
        # A leap second is read as the last second before it.
        if dated and hour < 24 and minute < 60 and second <= 60 and hours < 24 and minutes < 60:
            ms = ((hour * 60 + minute) * 60 + min(second, 59)) * 1000 + int(((fraction or "") + "000")[:3])
            offset = (hours * 60 + minutes) * (-1 if sign == "-" else 1)
            ms += _days(year, month, day) * 86_400_000 - offset * 60_000
            if not FIRST_MS <= ms <= LAST_MS:
                raise RouterError(f"`{value[:40]}` lies outside of the years 0000 to 9999 in UTC")
            return ms
    raise RouterError(f"`{value[:40]}` is not a time; write it like 2025-12-02T09:14:03Z or 2025-12-02")


def _days(year, month, day):
    """Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant 2013)."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def _bytes(value):
    text = _text(value)
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise RouterError(f"not base64: {error}") from None
    if base64.b64encode(raw).decode("ascii") != text:
        raise RouterError("not base64: stray bits at the end")
    return raw


def floats(value):
    """Base64 of little-endian 32-bit floats."""
    raw = _bytes(value)
    if len(raw) % 4:
        raise RouterError(f"{len(raw)} bytes are no whole number of 32-bit floats")
    numbers = array.array("f", raw)  # a quarter of a list's memory, so that looking up is fast
    if sys.byteorder == "big":
        numbers.byteswap()
    if not all(map(math.isfinite, numbers)):
        place = next(place for place, number in enumerate(numbers) if not math.isfinite(number))
        raise RouterError(f"number {place} of {len(numbers)} is not finite")
    return numbers


def _bounded(number, least, most, path):
    if not least <= number <= most:
        raise RouterError(f"{number!r} is not a number from {least:g} to {most:g}", path)


def _all_bounded(numbers, least, most, path):
    if numbers and not (least <= min(numbers) and max(numbers) <= most):
        for place, number in enumerate(numbers):
            _bounded(number, least, most, f"{path}[{place}]")


def _newer(name):
    return RouterError(f"`{name}` is not known here: written by a newer version; upgrade weighbridge")


# --- requests --------------------------------------------------------------------------------------


class Request:
    """All that is known when a request arrives; what is unknown is None (or an empty list)."""

    FIELDS = {
        "at": _time,
        "prompt": _text,
        "task": _text,
        "tenant": _text,
        "session": _text,
        "turn": _whole,
        "channel": _text,
        "region": _text,
        "needs": _texts,
        "input_tokens": _whole,
        "max_output_tokens": _whole,
        "prefix": _texts,
        "embedding": _list(_single),
        "value_usd": _usd,
        "wrong_usd": _usd,
        "second_usd": _usd,
        "deadline_ms": _whole,
    }

    def __init__(self, value, strict=False):
        fields = Fields(value)
        for name, read in self.FIELDS.items():
            setattr(self, name, fields.take(name, read))
        self.needs = self.needs or []
        # A recorder may know more than a policy may use; a golden request may not.
        if strict:
            fields.finish()
        self.prompt_bytes = None if self.prompt is None else len(self.prompt.encode("utf-8"))
        if self.input_tokens is None and self.prompt is not None:
            self.input_tokens = min(-(-self.prompt_bytes // 4), (1 << 32) - 1)
        self._reading = None
        self._words = None

    def reading(self):
        """The prompt, read once."""
        if self._reading is None:
            self._reading = Reading(self.prompt)
        return self._reading

    def words(self):
        if self._words is None:
            self._words = words_of(self.prompt)
        return self._words


# --- an OpenAI chat body as a request --------------------------------------------------------------


def request_of_chat(body):
    """The plain request object of a chat completion's body (a dict), to make a `Request` of.

    The prompt is the text of the last message of the role `user`; a text in parts is joined with line
    feeds. The input is a quarter of the bytes of all messages' texts, rounded up. `metadata` may give
    what else is known: its numbers may be texts. What bears on the decision and has a wrong type is an
    error, all else is passed over. The twin of `Request::from_chat` in Rust.
    """
    fields = Fields(body)
    talk = _Talk()
    fields.need("messages", _list(talk.message))
    filled = [isinstance(fields.rest.get(name), list) and fields.rest[name] for name in ("tools", "functions")]
    completion = fields.take("max_completion_tokens", _whole)
    output = fields.take("max_tokens", _whole)
    request = {
        "prompt": talk.prompt,
        "needs": ["tools"] * any(filled) + ["vision"] * talk.image,
        "input_tokens": min(-(-talk.bytes // 4), (1 << 32) - 1),
        "max_output_tokens": output if completion is None else completion,
        "tenant": fields.take("user", _text),
    }
    request.update(fields.take("metadata", _metadata, {}))
    return {name: value for name, value in request.items() if value not in (None, [])}


class _Talk:
    """What the messages say: the last text of a user, the bytes of all texts, whether there is an image."""

    def __init__(self):
        self.prompt = None
        self.bytes = 0
        self.image = False

    def message(self, value):
        fields = Fields(value)
        role = fields.need("role", _text)
        # An answer that only calls tools has no content.
        text = fields.take("content", self.content)
        self.bytes += 0 if text is None else len(text.encode("utf-8"))
        if role == "user":
            self.prompt = text

    def content(self, value):
        if isinstance(value, str):
            return _encodable(value)
        if not isinstance(value, list):
            raise _expected("a text or a list of parts", value)
        texts = [text for text in _list(self.part)(value) if text is not None]
        return "\n".join(texts) if texts else None

    def part(self, value):
        fields = Fields(value)
        kind = fields.need("type", _text)
        if kind in ("text", "input_text"):
            return _encodable(fields.need("text", _text))
        self.image |= kind in ("image_url", "input_image")
        return None


def _encodable(text):
    _sound(text)
    return text


def _metadata(value):
    """What a client says of the request beside the body; absent fields are left out."""
    fields = Fields(value)
    told = {name: fields.take(name, _text) for name in ("task", "tenant", "session", "channel", "region")}
    for name, read in (("value_usd", _usd), ("deadline_ms", _whole)):
        number = _unquoted(fields.rest.get(name))
        fields.rest[name] = number
        fields.take(name, read)  # checked, and kept as it is written
        told[name] = number
    return {name: value for name, value in told.items() if value is not None}


def _unquoted(value):
    """A number that is written as a text, as the number; all else as it stands."""
    try:
        number = _parse(value) if isinstance(value, str) else None
    except RouterError:
        return value
    return number if isinstance(number, (int, float)) and not isinstance(number, bool) else value


# --- words -----------------------------------------------------------------------------------------

WORD = re.compile(rb"[A-Za-z0-9\x80-\xff]+")
HASH_START = 0xCBF29CE484222325
MASK = (1 << 64) - 1


def words_of(text):
    """The folded words of a str, as bytes, in order."""
    return [word.lower() for word in WORD.findall(text.encode("utf-8"))]  # bytes.lower folds ASCII alone


def hash_bytes(data, start=HASH_START):
    """FNV-1a, 64 bits."""
    mask = MASK  # a local name is found faster
    for byte in data:
        start = (start ^ byte) * 0x100000001B3 & mask
    return start


_kept_hash = functools.lru_cache(maxsize=1 << 14)(hash_bytes)


def hash_word(word):
    """`hash_bytes` of a word, kept for words that may well come again."""
    return _kept_hash(word) if len(word) <= 20 else hash_bytes(word)


def bucket(value, bits):
    """The top bits of a hash that is spread over all of them."""
    return (((value ^ (value >> 32)) * 0x9E3779B97F4A7C15) & MASK) >> (64 - bits)


def has_phrase(words, phrase):
    """Whether the words of `phrase` (a str with at least one word) follow each other in `words`."""
    want = words_of(phrase)
    return any(words[i : i + len(want)] == want for i in range(len(words) - len(want) + 1))


# --- surface/1 and surface/2 -----------------------------------------------------------------------

SURFACE_NAMES = (
    "prompt_bytes_log stem_words_log stem_sentences_log words_per_sentence_log options "
    "option_bytes_mean_log option_bytes_spread option_to_stem_log option_digit_share "
    "option_single_word_share option_repeated_word_share option_stem_word_share "
    "option_negated_share option_repeated_start_share term_bytes_mean vowel_runs_per_term "
    "long_term_share distinct_word_share uppercase_share punctuation_share name_share comma_share "
    "digit_share numbers_log operators_log latex_log single_letter_share asks_to_compute code_log "
    "negations_log stem_has_statements stem_ends_in_question_mark has_blank stem_has_what "
    "stem_has_which stem_has_how stem_has_why third_person_share stop_word_share past_share"
).split()

SURFACE_2_NAMES = SURFACE_NAMES + (
    "option_bytes_max_log option_bytes_min_log option_words_log option_likeness option_likeness_max "
    "option_trigram_likeness_max option_numbers_ordered option_capital_share option_full_stop_share "
    "option_comma_share option_bracket_share option_formula_share option_verdict_share "
    "option_summary_share option_number_start_share option_term_bytes_mean option_stop_word_share "
    "short_term_share polysyllable_share stem_term_bytes_mean stem_distinct_word_share capital_share "
    "acronym_share non_ascii_share abstract_share learned_share ing_share words_log lines_log "
    "sentence_words_max_log sentence_words_spread last_sentence_words_log stem_starts_with_question_word "
    "stem_has_who stem_has_following stem_has_verdict asks_for_definition stem_ends_open "
    "question_marks_log superlative_share comparison_share stem_numbers_log largest_number_log "
    "decimals_log money_log equals_log negatives_log number_share numeral_share unit_share years_log "
    "connective_share quotes_log first_person_share idea_share"
).split()

OPTION = re.compile(rb"[ \t]*\(?[A-Ja-j1-9][.):][ \t]+")
NUMBER_START = re.compile(rb"[-+$(]?[0-9.]")
QUESTION_WORDS = "what which how why who when".split()
VOWELS = re.compile(rb"[aeiouy]+")
SENTENCE_END = re.compile(rb"[.!?](?=[ \t\r\n]|\Z)")
CHARACTERS = {
    "uppercase": bytes(range(ord("A"), ord("Z") + 1)),
    "digits": b"0123456789",
    "high_bytes": bytes(range(0x80, 0x100)),
    "punctuation": b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "commas": b",",
    "brackets": b"([",
    "quotes": b'"',
    "questions": b"?",
    "equals": b"=",
    "operators": b"=+*/^<>",
    "latex": b"$\\",
    "formulas": b"=+*/^<>$\\",
    "code": b"{};`",
    "lines": b"\n",
}
# What a byte counts as between its neighbours.
PATTERNS = {
    "names": (b" ", re.compile(rb"(?<=[a-z,] )[A-Z][a-z]")),
    "decimals": (b".", re.compile(rb"(?<=[0-9])\.(?=[0-9])")),
    "money": (b"$", re.compile(rb"\$(?=[0-9])")),
    "negatives": (b"-", re.compile(rb"(?<![A-Za-z0-9\x80-\xff])-(?=[0-9])")),
    "blanks": (b"_", re.compile(rb"__")),
}
CLASSES = {
    "compute": "find calculate compute solve evaluate determine estimate many much value sum prove simplify",
    "label": "statement statements",
    "following": "following",
    "what": "what",
    "which": "which",
    "how": "how",
    "why": "why",
    "negation": "not no never none cannot neither nor without except least incorrect false untrue unlikely wrong",
    "stop": "the a an of to in and is that for on by with as are be at from this it which or was were has have had "
    "not but their its his her he she they them we you i who what when where how why than then there these "
    "those if into can will would may must should could do does did been being such",
    "third": "he she his her him they their",
    "past": "was were had",
    "who": "who whom whose",
    "when": "when where",
    "definition": "called known term refers mean means meaning define defined definition",
    "superlative": "best most least likely mostly primary primarily main mainly chief major greatest largest highest "
    "lowest smallest fewest worst closest strongest",
    "me": "i we me my our us mine ours",
    "compare": "than more less greater fewer higher lower larger smaller better worse same equal different similar "
    "compared increase increases increased decrease decreases decreased",
    "verdict": "true false yes no right wrong correct incorrect valid invalid",
    "total": "all none both neither",
    "above": "above",
    "numeral": "one two three four five six seven eight nine ten eleven twelve twenty hundred thousand million billion "
    "twice half double once dozen first second third fourth",
    "unit": "kg mg cm mm km ml hz khz mhz ev kev mev nm kj mol kpa atm mph kw mw gb mb kb meter meters metre metres "
    "feet foot inch inches mile miles gram grams kilogram kilograms liter liters seconds minute minutes "
    "hour hours day days week weeks month months year years degree degrees volt volts watt watts joule "
    "joules newton newtons dollar dollars cents percent",
    "connective": "because therefore however although though thus hence since while whereas moreover furthermore "
    "nevertheless unless despite so yet otherwise instead consequently meanwhile",
    "idea": "theory hypothesis principle concept argument belief claim claims view idea doctrine approach model "
    "method process system",
}
ENDINGS = {
    "learned": "algia emia uria genic oid cyte plasm lysis itis osis graphy scopy pathy logy tomy",
    "abstract": "hood ance ence tion sion ship ness ment ency ancy ity",
    "past": "ed",
    "ing": "ing",
}
CLASS_OF, ENDINGS_BY_LAST = {}, {}
for _class, _words in CLASSES.items():
    for _word in _words.split():
        CLASS_OF[_word.encode()] = (*CLASS_OF.get(_word.encode(), ()), _class)
for _class, _words in ENDINGS.items():
    for _word in _words.split():
        ENDINGS_BY_LAST.setdefault(ord(_word[-1]), []).append((_word.encode(), _class))
for _endings in ENDINGS_BY_LAST.values():
    _endings.sort(key=lambda ending: -len(ending[0]))
COUNTERS = [*CHARACTERS, *PATTERNS, *CLASSES, *ENDINGS]
COUNTERS += "sentence_ends words numbers distinct largest years term_bytes vowel_runs polysyllables short_terms".split()
COUNTERS += "long_terms single_letters capitals acronyms".split()
LONGEST_KEPT = 64  # bytes of a word that is remembered


def _read_word(raw):
    """A word's bucket; the number that it is, or None; its bytes and runs of vowels; its classes; and
    the names of what else it counts as."""
    word, size = raw.lower(), len(raw)
    place = bucket(hash_bytes(word), 12)
    if word.isdigit():
        number = int(word) if size <= 15 else 10**15
        year = size == 4 and 1000 <= number < 2100
        return place, number, 0, 0, (), ("numbers", "years") if year else ("numbers",)
    classes = CLASS_OF.get(word, ())
    for ending, name in ENDINGS_BY_LAST.get(word[-1], ()):
        if size >= len(ending) + 2 and word.endswith(ending):
            classes = classes if name in classes else (*classes, name)
            break
    counted = list(classes)
    vowel_runs = max(1, len(VOWELS.findall(word)))
    if vowel_runs >= 4:
        counted.append("polysyllables")
    if size <= 3:
        counted.append("short_terms")
    elif size >= 10:
        counted.append("long_terms")
    if size == 1 and word not in (b"a", b"i"):
        counted.append("single_letters")
    if 65 <= raw[0] <= 90:
        counted.append("capitals")
        if size >= 2 and raw.isalpha() and raw.isupper():  # of bytes, so in ASCII
            counted.append("acronyms")
    return place, None, size, vowel_runs, classes, tuple(counted)


_read_short_word = functools.lru_cache(maxsize=1 << 14)(_read_word)


class _Section:
    """What is known of one section alone."""

    def __init__(self):
        self.first = self.number = None
        self.first_classes = ()
        self.met_in_mine = self.met_in_other = 0
        self.buckets = set()


def _scan(text, counts, mine, other):
    """Counts a section; `mine` and `other` are sets of buckets."""
    section = _Section()
    if not text:
        return section
    for name, kinds in CHARACTERS.items():
        counts[name] += len(text) - len(text.translate(None, kinds))
    for name, (byte, pattern) in PATTERNS.items():
        if byte in text:
            counts[name] += len(pattern.findall(text))
    counts["sentence_ends"] += len(SENTENCE_END.findall(text))
    words = WORD.findall(text)
    read = [_read_short_word(raw) if len(raw) <= LONGEST_KEPT else _read_word(raw) for raw in words]
    if read:
        section.first, section.first_classes = read[0][0], read[0][4]
    counts["words"] += len(read)
    for place, number, size, vowel_runs, _, counted in read:
        in_mine, in_other = place in mine, place in other
        section.met_in_mine += in_mine
        section.met_in_other += in_other
        counts["distinct"] += not in_mine and not in_other
        mine.add(place)
        counts["term_bytes"] += size
        counts["vowel_runs"] += vowel_runs
        for name in counted:
            counts[name] += 1
        section.buckets.add(place >> 6)
        if number is not None:
            counts["largest"] = max(counts["largest"], number)
            section.number = number if section.number is None else section.number
    return section


def _share(part, whole):
    return part / max(1, whole)


class Reading:
    """A prompt that was read once: counts of its stem, of each option and of all of it."""

    def __init__(self, prompt):
        self.text = text = prompt.encode("utf-8")
        lines, at = [], 0
        for line in text.split(b"\n"):
            mark = OPTION.match(line)
            if mark and len(lines) < 16:
                lines.append((at, at + len(line), line[mark.end() :].rstrip(b" \t\r")))
            at += len(line) + 1
        if len(lines) < 2:
            lines = []
        self.options = [option for _, _, option in lines]
        self.stem_text = text[: lines[0][0]] if lines else text
        counts, elsewhere, in_options = dict.fromkeys(COUNTERS, 0), set(), set()
        self.stem_section = _scan(self.stem_text, counts, elsewhere, in_options)
        self.stem, self.sections, self.held, at = dict(counts), [], [], len(self.stem_text)
        for start, end, option in lines:
            _scan(text[at:start], counts, elsewhere, in_options)
            before = dict(counts)
            self.sections.append(_scan(option, counts, in_options, elsewhere))
            self.held.append({name: counts[name] - before[name] for name in COUNTERS})
            at = end
        _scan(text[at:], counts, elsewhere, in_options)
        self.counts = counts
        # The number of words of each sentence of the stem that has any.
        pieces = (len(WORD.findall(piece)) for piece in SENTENCE_END.split(self.stem_text))
        self.sentences = [words for words in pieces if words]

    def share_of(self, holds):
        """The share of the options for which this holds."""
        return _share(sum(holds), len(self.options))

    def sum(self, name):
        return sum(held[name] for held in self.held)

    def ends_in(self):
        """The stem's last byte but white space, as bytes."""
        return self.stem_text.rstrip(b" \t\r\n")[-1:]


def surface(reading):
    """The raw values of `SURFACE_NAMES`."""
    counts, stem, held = reading.counts, reading.stem, reading.held
    sizes = [len(option) for option in reading.options]
    mean = _share(sum(sizes), len(sizes))
    square = sum(float(size * size) for size in sizes) / max(1, len(sizes))
    option_words = reading.sum("words")
    number, size, words = len(sizes), len(reading.text), counts["words"]
    terms = words - counts["numbers"]
    log = math.log1p
    return [
        log(size),
        log(stem["words"]),
        log(stem["sentence_ends"]),
        log(_share(stem["words"], stem["sentence_ends"])),
        float(number),
        log(mean),
        math.sqrt(max(0.0, square - mean * mean)) / (mean + 1.0),
        math.log((sum(sizes) + 1) / (len(reading.stem_text) + 1)),
        reading.share_of(option["digits"] > 0 for option in held),
        reading.share_of(option["words"] <= 1 for option in held),
        _share(sum(section.met_in_mine for section in reading.sections), option_words),
        _share(sum(section.met_in_other for section in reading.sections), option_words),
        reading.share_of(option["negation"] > 0 for option in held),
        _share(number - len({section.first for section in reading.sections}), number),
        _share(counts["term_bytes"], terms),
        _share(counts["vowel_runs"], terms),
        _share(counts["long_terms"], words),
        _share(counts["distinct"], words),
        _share(counts["uppercase"], size),
        _share(counts["punctuation"], size),
        _share(stem["names"], stem["words"]),
        _share(counts["commas"], words),
        _share(counts["digits"], size),
        log(counts["numbers"]),
        log(counts["operators"]),
        log(counts["latex"]),
        _share(counts["single_letters"], words),
        float(stem["compute"] > 0),
        log(counts["code"]),
        log(counts["negation"]),
        float(stem["label"] + stem["following"] > 0),
        float(reading.ends_in() == b"?"),
        float(counts["blanks"] > 0),
        float(stem["what"] > 0),
        float(stem["which"] > 0),
        float(stem["how"] > 0),
        float(stem["why"] > 0),
        _share(counts["third"], words),
        _share(counts["stop"], words),
        _share(counts["past"], words),
    ]


def _trigrams(option):
    """The buckets, of 1,024, of each three bytes in a row, folded."""
    text = option.lower()
    return {((a * 37 + b) * 37 + c) % 1024 for a, b, c in zip(text, text[1:], text[2:])}


def _likeness(reading):
    """How alike each two options are, what they share of what they have: by words (mean and most) and
    by trigrams (most)."""

    def alike(a, b):
        return _share(len(a & b), len(a | b))

    words = [section.buckets for section in reading.sections]
    trigrams = [_trigrams(option) for option in reading.options]
    pairs = [(i, j) for i in range(len(words)) for j in range(i)]
    total, most, most_trigrams = 0.0, 0.0, 0.0
    for i, j in pairs:
        likeness = alike(words[i], words[j])
        total, most = total + likeness, max(most, likeness)
        most_trigrams = max(most_trigrams, alike(trigrams[i], trigrams[j]))
    return [total / max(1, len(pairs)), most, most_trigrams]


def _in_order(sections):
    """At least three options have a number, and their first numbers never fall or never rise, and
    are not all the same."""
    numbers = [section.number for section in sections if section.number is not None]
    rises = any(a < b for a, b in zip(numbers, numbers[1:]))
    falls = any(a > b for a, b in zip(numbers, numbers[1:]))
    return len(numbers) >= 3 and rises != falls


def surface_2(reading):
    """The raw values of `SURFACE_2_NAMES`."""
    counts, stem, held, options = reading.counts, reading.stem, reading.held, reading.options
    words, sentences, log = counts["words"], reading.sentences, math.log1p
    mean = _share(sum(sentences), len(sentences))
    square = sum(count * count for count in sentences) / max(1, len(sentences))
    opening = reading.stem_section.first_classes

    def share(name):
        return _share(counts[name], words)

    def has(name):
        return float(stem[name] > 0)

    return surface(reading) + [
        log(max(map(len, options), default=0)),
        log(min(map(len, options), default=0)),
        log(reading.sum("words")),
        *_likeness(reading),
        float(_in_order(reading.sections)),
        reading.share_of(65 <= (option or b" ")[0] <= 90 for option in options),
        reading.share_of(option.endswith(b".") for option in options),
        reading.share_of(h["commas"] > 0 for h in held),
        reading.share_of(h["brackets"] > 0 for h in held),
        reading.share_of(h["formulas"] > 0 for h in held),
        reading.share_of(h["verdict"] > 0 for h in held),
        reading.share_of(
            h["above"] > 0 or "total" in section.first_classes for h, section in zip(held, reading.sections)
        ),
        reading.share_of(NUMBER_START.match(option) is not None for option in options),
        _share(reading.sum("term_bytes"), reading.sum("words") - reading.sum("numbers")),
        _share(reading.sum("stop"), reading.sum("words")),
        # Shape.
        share("short_terms"),
        share("polysyllables"),
        _share(stem["term_bytes"], stem["words"] - stem["numbers"]),
        _share(stem["distinct"], stem["words"]),
        share("capitals"),
        share("acronyms"),
        _share(counts["high_bytes"], len(reading.text)),
        share("abstract"),
        share("learned"),
        share("ing"),
        # Length.
        log(words),
        log(counts["lines"]),
        log(max(sentences, default=0)),
        math.sqrt(max(0.0, square - mean * mean)) / (mean + 1.0),
        log(sentences[-1] if sentences else 0),
        # Form.
        float(any(name in opening for name in QUESTION_WORDS)),
        has("who"),
        has("following"),
        has("verdict"),
        has("definition"),
        float(WORD.match(reading.ends_in()) is not None),
        log(counts["questions"]),
        share("superlative"),
        share("compare"),
        # Numbers and mathematics.
        log(stem["numbers"]),
        log(counts["largest"]),
        log(counts["decimals"]),
        log(counts["money"]),
        log(counts["equals"]),
        log(counts["negatives"]),
        share("numbers"),
        share("numeral"),
        share("unit"),
        log(counts["years"]),
        # Discourse.
        share("connective"),
        log(counts["quotes"]),
        share("me"),
        share("idea"),
    ]


SURFACES = {"surface/1": (SURFACE_NAMES, surface), "surface/2": (SURFACE_2_NAMES, surface_2)}

# --- steps: each returns entries (column within the step, value) in the runtime's order ------------


def surface_entries(values, mean, scale, weight):
    """value = clamp((raw - mean) * scale, -4, 4) * weight, for every surface feature."""
    return [
        (i, min(4.0, max(-4.0, (raw - m) * s)) * weight)
        for i, (raw, m, s) in enumerate(zip(values, mean, scale))
    ]


def _damped(count):
    return count if -1 <= count <= 1 else math.copysign(1.0 + math.log(abs(count)), count)


def weigh_words(words, bits, idf):
    """Signed counts of words and pairs by hashed column, damped, times idf, scaled to length 1."""
    counts, previous, shift, mask = {}, None, 63 - bits, MASK  # a dict keeps the order of first appearance
    for word in words:
        own = hash_word(word)
        for gram in (own,) if previous is None else (own, hash_bytes(b" " + word, previous)):
            # `bucket(gram, bits + 1)`: the column and below it the sign.
            place = ((gram ^ (gram >> 32)) * 0x9E3779B97F4A7C15 & mask) >> shift
            column = place >> 1
            counts[column] = counts.get(column, 0) + (1 if place & 1 else -1)
        previous = own
    entries = [(column, _damped(count) * idf[column]) for column, count in counts.items() if count]
    squares = 0.0
    for _, value in entries:  # a plain loop: from 3.12 on, sum() of floats compensates
        squares += value * value
    norm = math.sqrt(squares)
    return [(column, value / norm if norm > 0.0 else 0.0) for column, value in entries]


def word_entries(words, bits, idf, weight):
    """What the prompt's words weigh, times the step's weight."""
    return [(column, value * weight) for column, value in weigh_words(words, bits, idf)]


def word_score_entries(words, bits, idf, weight, scores):
    """A column a model: clamp((bias + sum of weight * value - mean) * scale, -4, 4) * weight."""
    hashed, entries = weigh_words(words, bits, idf), []
    for place, (bias, mean, scale, weights) in enumerate(scores):
        z = score(weights, bias, hashed)
        entries.append((place, min(4.0, max(-4.0, (z - mean) * scale)) * weight))
    return entries


def embedding_entries(embedding, mean, scale, weight):
    """value = clamp((raw - mean) * scale, -4, 4) * weight; nothing for one that does not fit."""
    if embedding is None or len(embedding) != len(mean) or not all(map(math.isfinite, embedding)):
        return []
    return [
        (i, min(4.0, max(-4.0, (raw - m) * s)) * weight)
        for i, (raw, m, s) in enumerate(zip(embedding, mean, scale))
    ]


def tag_entries(task, values):
    """A 1 in the column of a known task."""
    return [(values.index(task), 1.0)] if task in values else []


# --- heads -----------------------------------------------------------------------------------------


def score(weights, bias, entries):
    """bias + the sum of weight * value, added in the order of the entries."""
    for column, value in entries:
        bias += weights[column] * value
    return bias


def sigmoid(x):
    """1 / (1 + exp(-x)), without an overflow on either side."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def _check_columns(weights, columns):
    if len(weights) != columns:
        raise RouterError(f"{len(weights)} values where the features have {columns} columns", "weights")


class Logistic:
    """logistic/1: sigmoid(a z + b), where z is the linear score of the entries."""

    def __init__(self, fields):
        self.bias, self.platt, self.weights = _coefficient(fields), _platt(fields), _weights_of(fields)

    def check(self, columns):
        _check_columns(self.weights, columns)

    def probability(self, entries):
        return sigmoid(self.platt[0] * score(self.weights, self.bias, entries) + self.platt[1])


class Trees:
    """trees/1: sigmoid(a z + b), where z is the bias and a leaf of each tree, added in order."""

    def __init__(self, fields):
        self.bias, self.platt = _coefficient(fields), _platt(fields)
        sizes = fields.take("splits", _list(_whole), [])
        lists = {
            "column": fields.take("column", _list(_whole), []),
            "at_most": fields.need("at_most", floats),
            "low": fields.take("low", _list(_branch), []),
            "high": fields.take("high", _list(_branch), []),
        }
        leaves = fields.need("leaves", floats)
        for name, numbers, wanted in (
            *((name, numbers, sum(sizes)) for name, numbers in lists.items()),
            ("leaves", leaves, sum(sizes) + len(sizes)),
        ):
            if len(numbers) != wanted:
                raise RouterError(f"{len(numbers)} values where the trees have {wanted}", name)
        if len(sizes) > MAX_TREES:
            raise RouterError(f"there may be at most {MAX_TREES} trees, not {len(sizes)}", "splits")
        _all_bounded(leaves, -MAX_FACTOR, MAX_FACTOR, "leaves")
        splits, leaves = zip(*lists.values()), iter(leaves)
        self.trees = [
            ([next(splits) for _ in range(size)], [next(leaves) for _ in range(size + 1)]) for size in sizes
        ]

    def check(self, columns):
        for number, (splits, _) in enumerate(self.trees):
            if len(splits) > MAX_SPLITS:
                raise RouterError(f"{len(splits)} splits; there are at most {MAX_SPLITS}", f"tree[{number}]")
            # Each split but the first and each leaf is led to once, so that every walk ends.
            expected = {*range(1, len(splits)), *range(-1 - len(splits), 0)}
            for place, (column, _, low, high) in enumerate(splits):
                path = f"tree[{number}].split[{place}]"
                if column >= columns:
                    raise RouterError(f"column {column} where the features have {columns}", path)
                for branch in (low, high):
                    if branch not in expected or 0 <= branch <= place:
                        raise RouterError(f"{branch} is neither a later split nor a leaf, of this branch alone", path)
                    expected.remove(branch)

    def probability(self, entries):
        value, z = dict(entries).get, self.bias
        for splits, leaves in self.trees:
            at = 0 if splits else -1
            while at >= 0:
                column, at_most, low, high = splits[at]
                at = low if value(column, 0.0) <= at_most else high
            z += leaves[-1 - at]
        return sigmoid(self.platt[0] * z + self.platt[1])


class Mean:
    """mean/1: the mean q of the heads' probabilities; calibrated: sigmoid(a ln(q / (1 - q)) + b)."""

    def __init__(self, fields):
        self.platt, self.of = _platt(fields), fields.take("of", _list(self._member), [])
        if not 1 <= len(self.of) <= MAX_MEAN_OF:
            raise RouterError(f"a mean is taken of 1 to {MAX_MEAN_OF} heads, not {len(self.of)}", "of")

    @staticmethod
    def _member(item):
        fields = Fields(item)
        kind = fields.need("kind", _text)
        if kind == "mean/1":
            raise RouterError("a mean of means; name the heads themselves", "kind")
        head = _success(kind, fields)
        fields.finish()
        return head

    def check(self, columns):
        for place, head in enumerate(self.of):
            try:
                head.check(columns)
            except RouterError as error:
                raise error.within(f"of[{place}]") from None

    def probability(self, entries):
        total = 0.0
        for head in self.of:
            total += head.probability(entries)
        q = total / len(self.of)
        if self.platt == [1.0, 0.0]:
            return q
        q = min(1.0 - MEAN_EDGE, max(MEAN_EDGE, q))
        return sigmoid(self.platt[0] * math.log(q / (1.0 - q)) + self.platt[1])


SUCCESS = {"logistic/1": Logistic, "trees/1": Trees, "mean/1": Mean}


def _success(kind, fields):
    if kind not in SUCCESS:
        raise _newer(kind).within("kind")
    return SUCCESS[kind](fields)


class LogLinear:
    """log_linear/1: smearing * exp(min(z, 20)) output tokens."""

    def __init__(self, fields):
        self.bias, self.smearing = _coefficient(fields), fields.need("smearing", _number)
        if self.smearing <= 0.0:
            raise RouterError(f"{self.smearing!r} is not above 0", "smearing")
        _bounded(self.smearing, 0.0, MAX_FACTOR, "smearing")
        self.weights = _weights_of(fields)

    def check(self, columns):
        _check_columns(self.weights, columns)

    def tokens(self, entries):
        return self.smearing * math.exp(min(score(self.weights, self.bias, entries), MAX_LOG_TOKENS))


def _coefficient(fields):
    bias = fields.need("bias", _number)
    _bounded(bias, -MAX_FACTOR, MAX_FACTOR, "bias")
    return bias


def _platt(fields):
    platt = fields.need("platt", _list(_number))
    if len(platt) != 2:
        raise RouterError(f"must be 2 numbers, not {len(platt)}", "platt")
    _all_bounded(platt, -MAX_FACTOR, MAX_FACTOR, "platt")
    return platt


def _weights_of(fields):
    weights = fields.need("weights", floats)
    _all_bounded(weights, -MAX_FACTOR, MAX_FACTOR, "weights")
    return weights


def _branch(value):
    """A later split, or a leaf below 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 31) <= value < 1 << 31:
        raise _expected("a whole number of 32 bits", value)
    return value


# --- conditions and choices ------------------------------------------------------------------------

QUANTITIES = {
    "input_tokens": lambda request: request.input_tokens,
    "prompt_bytes": lambda request: request.prompt_bytes,
    "turn": lambda request: request.turn,
    "value_usd": lambda request: None if request.value_usd is None else request.value_usd / PICOS,
    "deadline_ms": lambda request: request.deadline_ms,
    "hour_utc": lambda request: None if request.at is None else request.at % 86_400_000 // 3_600_000,
}
MEMBERS = ("task", "tenant", "channel", "region", "needs")


def _quantity(name):
    """The function that gives a quantity of a request, None where the request does not tell."""
    if name in QUANTITIES:
        return QUANTITIES[name]
    if name in SURFACE_NAMES:
        place = SURFACE_NAMES.index(name)
        return lambda request: None if request.prompt is None else surface(request.reading())[place]
    raise RouterError(f"there is no quantity `{name}`")


def _phrases(value):
    for place, text in enumerate(_texts(value)):
        if not words_of(text):
            raise RouterError("this has no word; name a word or a phrase", f"[{place}]")
    return value


def _condition(value, depth=0):
    """A condition as a function of the request. Several fields in one object must all hold; an
    absent field makes a condition false, and `not` negates that."""
    if depth > MAX_CHOICE_DEPTH:
        raise RouterError(f"conditions are nested more than {MAX_CHOICE_DEPTH} deep")
    if not isinstance(value, dict):
        raise _expected('a condition like { task = ["math"] }', value)
    parts = []
    for name, field in value.items():
        try:
            parts.append(_condition_part(name, field, depth))
        except RouterError as error:
            raise error.within(name) from None
    if not parts:
        raise RouterError("an empty condition; write { all = [] } for one that always holds")
    return lambda request: all(part(request) for part in parts)


def _condition_part(name, value, depth):
    def nested(item):
        return _condition(item, depth + 1)

    if name in ("all", "any"):
        parts, quantifier = _list(nested)(value), all if name == "all" else any
        return lambda request: quantifier(part(request) for part in parts)
    if name == "not":
        part = nested(value)
        return lambda request: not part(request)
    if name in ("prompt_any", "prompt_all"):
        phrases, quantifier = _phrases(value), any if name == "prompt_any" else all
        return lambda request: request.prompt is not None and quantifier(
            has_phrase(request.words(), phrase) for phrase in phrases
        )
    if name in MEMBERS:
        members = _texts(value)
        if name == "needs":
            return lambda request: any(need in members for need in request.needs)
        return lambda request: getattr(request, name) is not None and getattr(request, name) in members
    quantity, fields = _quantity(name), Fields(value)
    least, most = fields.take("min", _number), fields.take("max", _number)
    fields.finish()
    if least is None and most is None:
        raise RouterError("a range needs `min`, `max` or both")
    if least is not None and most is not None and least > most:
        raise RouterError(f"min {least} is above max {most}")

    def inside(request):
        found = quantity(request)
        return found is not None and (least is None or least <= found) and (most is None or found <= most)

    return inside


class Always:
    def __init__(self, target):
        self.target = target


class Random:
    def __init__(self, weights):
        self.weights = weights  # target and parts per million


class Threshold:
    def __init__(self, quantity, above, to, otherwise):
        self.quantity, self.above, self.to, self.otherwise = quantity, above, to, otherwise


class Rules:
    def __init__(self, rules, otherwise):
        self.rules, self.otherwise = rules, otherwise  # condition and choice


class Learned:
    def __init__(self, value, wrong, second):
        self.trade = (value, wrong, second)  # picodollars


RESERVED = ("cascade", "budget", "cache", "hedge", "bandit", "portfolio")


def _choose(value, resolve, depth=0):
    """A choice; `resolve` turns a name into the places of endpoints, tried in order."""
    if depth > MAX_CHOICE_DEPTH:
        raise RouterError(f"choices are nested more than {MAX_CHOICE_DEPTH} deep")

    def branch(item):
        if isinstance(item, str):
            return Always(resolve(item))
        return _choose(item, resolve, depth + 1)

    def rule(item):
        fields = Fields(item)
        found = fields.need("when", _condition), fields.need("to", branch)
        fields.finish()
        return found

    fields = Fields(value)
    kind = fields.need("kind", _text)
    if kind == "always":
        choice = Always(fields.need("to", lambda name: resolve(_text(name))))
    elif kind == "random":
        choice = Random(fields.need("weights", lambda weights: _weights(weights, resolve)))
    elif kind == "threshold":
        choice = Threshold(
            fields.need("feature", lambda name: _quantity(_text(name))),
            fields.need("above", _number),
            fields.need("to", branch),
            fields.need("else", branch),
        )
    elif kind == "rules":
        choice = Rules(fields.take("rule", _list(rule), []), fields.need("else", branch))
    elif kind == "router":
        choice = Learned(
            fields.need("value_usd", _usd), fields.take("wrong_usd", _usd, 0), fields.take("second_usd", _usd, 0)
        )
    else:
        what = "is reserved for a later version" if kind in RESERVED else "is not known here; upgrade weighbridge"
        raise RouterError(f"the kind `{kind}` {what}", "kind")
    fields.finish()
    return choice


def _weights(value, resolve):
    if not isinstance(value, dict):
        raise _expected("shares by name", value)
    weights = []
    for name, share in value.items():
        ppm = _number(share) * 1e6
        if not 0.0 <= ppm <= 1e6 or abs(ppm - round(ppm)) > 1e-3:
            raise RouterError(f"{share!r} is not a share in [0, 1] with at most six decimal places", name)
        weights.append((resolve(name), round(ppm)))
    total = sum(ppm for _, ppm in weights)
    if total != ONE:
        raise RouterError(f"the shares add up to {total / 1e6}, not to 1")
    return weights


def _is_learned(choice):
    if isinstance(choice, Threshold):
        return _is_learned(choice.to) or _is_learned(choice.otherwise)
    if isinstance(choice, Rules):
        return _is_learned(choice.otherwise) or any(_is_learned(to) for _, to in choice.rules)
    return isinstance(choice, Learned)


# --- endpoints -------------------------------------------------------------------------------------


def _within(at, since, until):
    return (since is None or since <= at) and (until is None or at < until)


class Price:
    """Picodollars a token for input, cached input and output, during one span of time."""

    def __init__(self, value):
        fields = Fields(value)
        self.since = fields.take("from", _time)
        self.until = fields.take("until", _time)
        self.rates = fields.need("usd_per_mtok", self._rates)
        self.tiers = fields.take("tiers", _list(self._tier), [])
        fields.finish()
        if any(low[0] >= high[0] for low, high in zip(self.tiers, self.tiers[1:])):
            raise RouterError("the tiers of a price row must go from small inputs to large")

    @staticmethod
    def _rates(value):
        fields = Fields(value)
        rates = tuple(fields.need(name, _rate) for name in ("input", "cached", "output"))
        fields.finish()
        return rates

    @classmethod
    def _tier(cls, value):
        fields = Fields(value)
        tier = fields.need("above_input_tokens", _whole), fields.need("usd_per_mtok", cls._rates)
        fields.finish()
        return tier

    def rates_for(self, input_tokens):
        """The prices of the highest tier that the input exceeds."""
        rates = self.rates
        for above, tier in self.tiers:
            if input_tokens > above:
                rates = tier
        return rates


class Endpoint:
    """What an endpoint costs and can, and whether a request may go there."""

    def __init__(self, value):
        fields = Fields(value)
        self.id = fields.need("id", _text)
        self.model = fields.need("model", _text)
        self.channels = fields.take("channels", _texts, [])
        self.regions = fields.take("regions", _texts, [])
        self.can = fields.take("can", _texts, [])
        self.context_tokens = fields.take("context_tokens", _whole)
        self.since = fields.take("from", _time)
        self.until = fields.take("until", _time)
        self.prices = fields.take("prices", _list(Price), [])
        self.ttft_ms = fields.take("ttft_ms", _whole)
        self.tokens_per_second = fields.take("tokens_per_second", _number)
        self.recorded_only = fields.take("recorded_only", _boolean, False)
        fields.finish()
        if self.tokens_per_second is not None and self.tokens_per_second <= 0.0:
            raise RouterError("tokens_per_second must be a number above 0")
        for row, later in zip(self.prices, self.prices[1:]):
            if row.until is None or later.since is None or row.until > later.since:
                raise RouterError("a price row begins before the row above it ends")

    def price_at(self, at):
        """The row in force: at that time, or the newest where no time is known."""
        if at is None:
            return self.prices[-1] if self.prices else None
        return next((row for row in self.prices if _within(at, row.since, row.until)), None)

    def admits(self, request):
        """Whether the request may go here, as far as that can be told before any prediction."""
        if self.recorded_only:
            return True
        if not all(need in self.can for need in request.needs):
            return False
        if self.channels and request.channel is not None and request.channel not in self.channels:
            return False
        if self.regions and request.region is not None and request.region not in self.regions:
            return False
        if self.context_tokens is not None:
            if (request.input_tokens or 0) + (request.max_output_tokens or 0) > self.context_tokens:
                return False
        if request.at is not None and not _within(request.at, self.since, self.until):
            return False
        return not self.prices or self.price_at(request.at) is not None

    def seconds(self, output_tokens):
        """Until an answer of so many tokens is complete; None where the card does not tell."""
        if self.ttft_ms is None or self.tokens_per_second is None:
            return None
        return self.ttft_ms / 1000.0 + output_tokens / self.tokens_per_second

    def meets(self, deadline_ms, output_tokens):
        """Whether the answer comes in time; without a prediction or speed, whether it begins in time."""
        if deadline_ms is None or self.ttft_ms is None:
            return True
        whole = None if output_tokens is None else self.seconds(output_tokens)
        seconds = self.ttft_ms / 1000.0 if whole is None else whole
        return seconds * 1000.0 <= deadline_ms

    def predicted_cost(self, request, output_tokens):
        """USD, input at the price of uncached tokens; None where input or price is unknown."""
        row = self.price_at(request.at)
        if request.input_tokens is None or row is None:
            return None
        rates = row.rates_for(request.input_tokens)
        picos = float(request.input_tokens) * float(rates[0]) + output_tokens * float(rates[2])
        return picos / PICOS


# --- the recipe and the heads ----------------------------------------------------------------------


def _step(value):
    """A step of the recipe: its kind, how many columns it has, and what gives its entries."""
    fields = Fields(value)
    kind = fields.need("step", _text)
    if kind in SURFACES:
        names, measure = SURFACES[kind]
        weight, mean, scale = (
            fields.need("weight", _single), fields.need("mean", floats), fields.need("scale", floats)
        )
        for name, numbers, least in (("mean", mean, -MAX_FACTOR), ("scale", scale, 0.0)):
            if len(numbers) != len(names):
                raise RouterError(f"{len(numbers)} values where {kind} has {len(names)}", name)
            _all_bounded(numbers, least, MAX_FACTOR, name)
        _bounded(weight, 0.0, MAX_FACTOR, "weight")
        columns = len(names)

        def entries(request):
            return surface_entries(measure(request.reading()), mean, scale, weight)

    elif kind == "words/1":
        bits, idf, weight = _hashing(fields)
        columns = 1 << bits

        def entries(request):
            return word_entries(request.words(), bits, idf, weight)

    elif kind == "word_score/1":
        bits, idf, weight = _hashing(fields)
        scores = _word_scores(fields, 1 << bits)
        columns = len(scores)

        def entries(request):
            return word_score_entries(request.words(), bits, idf, weight, scores)

    elif kind == "embedding/1":
        weight, mean, scale = (
            fields.need("weight", _single), fields.need("mean", floats), fields.need("scale", floats)
        )
        columns = len(mean)
        if not 1 <= columns <= MAX_EMBEDDING:
            raise RouterError(f"an embedding of {columns} numbers; 1 to {MAX_EMBEDDING} can be read", "mean")
        if len(scale) != columns:
            raise RouterError(f"{len(scale)} values where embedding/1 has {columns} columns", "scale")
        _all_bounded(mean, -MAX_FACTOR, MAX_FACTOR, "mean")
        _all_bounded(scale, 0.0, MAX_FACTOR, "scale")
        _bounded(weight, 0.0, MAX_FACTOR, "weight")

        def entries(request):
            return embedding_entries(request.embedding, mean, scale, weight)

    elif kind == "tag/1":
        field = fields.need("field", _text)
        if field != "task":
            raise _newer(field).within("field")
        values = fields.take("values", _texts, [])
        if len(set(values)) != len(values):
            raise RouterError("a value stands twice", "values")
        columns = len(values)

        def entries(request):
            return tag_entries(request.task, values)

    else:
        raise _newer(kind).within("step")
    fields.finish()
    return kind, columns, entries


def _hashing(fields):
    """What hashed words are weighed with: bits, idf, weight."""
    if fields.need("ngrams", _list(_whole)) != [1, 2]:
        raise RouterError("must be [1,2]", "ngrams")
    bits, weight, idf = fields.need("bits", _whole), fields.need("weight", _single), fields.need("idf", floats)
    _bounded(bits, 4, 18, "bits")
    if len(idf) != 1 << bits:
        raise RouterError(f"{len(idf)} values where {bits} bits make {1 << bits} columns", "idf")
    _all_bounded(idf, 0.0, MAX_FACTOR, "idf")
    _bounded(weight, 0.0, MAX_FACTOR, "weight")
    return bits, idf, weight


def _word_scores(fields, columns):
    """A bias, mean, scale and a weight a hashed column for each model."""
    models = set()

    def one(item):
        fields = Fields(item)
        model, bias = fields.need("model", _text), fields.need("bias", _number)
        mean, scale = (fields.need(name, _single) for name in ("mean", "scale"))
        weights = fields.need("weights", floats)
        fields.finish()
        if model in models:
            raise RouterError(f"`{model}` stands twice")
        models.add(model)
        if len(weights) != columns:
            raise RouterError(f"{len(weights)} values where there are {columns} hashed columns", "weights")
        for name, number, least in (("bias", bias, -MAX_FACTOR), ("mean", mean, -MAX_FACTOR), ("scale", scale, 0.0)):
            _bounded(number, least, MAX_FACTOR, name)
        _all_bounded(weights, -MAX_FACTOR, MAX_FACTOR, "weights")
        return bias, mean, scale, weights

    scores = fields.take("scores", _list(one), [])
    if not 1 <= len(scores) <= MAX_SCORES:
        raise RouterError(f"{len(scores)} scores; there are 1 to {MAX_SCORES}", "scores")
    return scores


class Heads:
    """The predictors of one model: of success and of output tokens."""

    def __init__(self, model):
        self.model = model
        self.success = None
        self.output_tokens = None

    def predict(self, entries):
        return self.success.probability(entries), self.output_tokens.tokens(entries)

    def check(self, columns):
        for predicts in ("success", "output_tokens"):
            try:
                getattr(self, predicts).check(columns)
            except RouterError as error:
                raise error.within(predicts).within(self.model).within("heads") from None


class Shrink:
    """Takes the differences between the models' probabilities part of the way back to their means."""

    def __init__(self, value):
        fields = Fields(value)
        kind = fields.need("kind", _text)
        if kind != "differences/1":
            raise _newer(kind).within("kind")
        self.factor = fields.need("factor", _number)
        self.centres = fields.need("centres", _list(_number))
        fields.finish()

    def check(self, models):
        try:
            _bounded(self.factor, 0.0, 1.0, "factor")
            if len(self.centres) != models:
                raise RouterError(f"{len(self.centres)} centres for the heads of {models} models", "centres")
            _all_bounded(self.centres, 0.0, 1.0, "centres")
        except RouterError as error:
            raise error.within("shrink") from None

    def apply(self, predictions):
        shared = 0.0
        for (p, _), centre in zip(predictions, self.centres):
            shared += p - centre
        shared /= len(predictions)

        def shrunk(p, centre):
            own = p - centre - shared
            return min(max(centre + shared + self.factor * own, 0.0), 1.0)

        return [(shrunk(p, centre), tokens) for (p, tokens), centre in zip(predictions, self.centres)]


def _heads(value):
    """A pair for each model, in the order of the first entries."""
    pairs = {}

    def head(item):
        fields = Fields(item)
        model, predicts, kind = (fields.need(name, _text) for name in ("model", "predicts", "kind"))
        if predicts not in ("success", "output_tokens"):
            raise _newer(predicts).within("predicts")
        if predicts == "success":
            found = _success(kind, fields)
        elif kind == "log_linear/1":
            found = LogLinear(fields)
        else:
            raise _newer(kind).within("kind")
        fields.finish()
        pair = pairs.setdefault(model, Heads(model))
        if getattr(pair, predicts) is not None:
            raise RouterError(f"`{model}` has a second head for `{predicts}`")
        setattr(pair, predicts, found)

    _list(head)(value)
    for pair in pairs.values():
        for predicts in ("success", "output_tokens"):
            if getattr(pair, predicts) is None:
                raise RouterError(f"`{pair.model}` has no head for `{predicts}`; heads come in pairs")
    return list(pairs.values())


# --- the router ------------------------------------------------------------------------------------


class Decision:
    """Where a request goes: parts per million by endpoint id, in the order of the file."""

    def __init__(self, choice, unanswered, fell_back, predictions):
        self.choice = choice
        self.unanswered = unanswered
        self.fell_back = fell_back
        self.predictions = predictions  # (model, success, output tokens) in the order of the heads

    def line(self, id):
        """The decision line, byte for byte as every loader prints it."""
        choice = ",".join(f"{_quote(endpoint)}:{ppm}" for endpoint, ppm in self.choice.items())
        predictions = ",".join(
            f'{{"model":{_quote(model)},"success":{_print(success)},"output_tokens":{_print(tokens)}}}'
            for model, success, tokens in self.predictions
        )
        return (
            f'{{"id":{_quote(id)},"choice":{{{choice}}},"unanswered_ppm":{self.unanswered},'
            f'"fell_back_ppm":{self.fell_back},"predictions":[{predictions}]}}'
        )


def _quote(text):
    return json.dumps(text, ensure_ascii=False)


def _print(number):
    """The shortest digits that read back as the same double, laid out as the Rust crate does:
    plainly from 1e-5 up to 1e16, else with an exponent that has no plus and no leading zero."""
    sign, digits, exponent = decimal.Decimal(repr(number)).normalize().as_tuple()
    text, point = "".join(map(str, digits)), len(digits) + exponent
    if text == "0":
        body = "0.0"
    elif 0 < point <= 16:
        body = f"{text[:point]:0<{point}}.{text[point:] or '0'}"
    elif -5 < point <= 0:
        body = "0." + "0" * -point + text
    else:
        body = text[0] + ("." + text[1:] if text[1:] else "") + f"e{point - 1}"
    return "-" * sign + body


class Router:
    """A checked router, ready to decide. Made by `load` or `from_bytes`."""

    def __init__(self, body):
        fields = Fields(_parse(body))
        self.endpoints = fields.take("endpoints", _list(Endpoint), [])
        if not 1 <= len(self.endpoints) <= MAX_ENDPOINTS:
            raise RouterError(f"there must be 1 to {MAX_ENDPOINTS} endpoints, not {len(self.endpoints)}", "endpoints")
        self.place = {endpoint.id: place for place, endpoint in enumerate(self.endpoints)}
        if len(self.place) != len(self.endpoints):
            raise RouterError("an endpoint stands twice", "endpoints")
        self.choose = fields.need("choose", lambda value: _choose(value, self._resolve))
        self.fallback = fields.take("fallback", _list(lambda name: self._resolve(_text(name))), [])
        fields.take("roles", self._roles)
        steps = fields.take("features", _list(_step), [])
        self.heads = fields.take("heads", _heads, [])
        self.shrink = fields.take("shrink", Shrink)
        if self.shrink is not None:
            self.shrink.check(len(self.heads))
        fields.take("calibration", self._calibration)
        fields.take("training", self._training)
        self.provenance = fields.take("provenance", lambda value: Fields(value).rest, {})
        golden = fields.need("golden", _list(lambda value: value))
        fields.finish()
        self._check(steps)
        self.steps = [(columns, entries) for _, columns, entries in steps]
        self.columns = sum(columns for columns, _ in self.steps)
        self._verify(golden)

    def _resolve(self, name):
        """The endpoint of that id, else the endpoints of the model of that name in order."""
        if name in self.place:
            return [self.place[name]]
        target = [place for place, endpoint in enumerate(self.endpoints) if endpoint.model == name]
        if not target:
            raise RouterError(f"`{name}` is neither an endpoint nor a model of this file")
        return target

    @staticmethod
    def _roles(value):
        for name, target in Fields(value).rest.items():
            try:
                _text(target)
            except RouterError as error:
                raise error.within(name) from None

    @staticmethod
    def _calibration(value):
        """The sample does not bear on decisions, but a broken one means a broken file."""

        def model(item):
            fields = Fields(item)
            fields.need("model", _text)
            columns = fields.need("success", floats), fields.need("log_output_tokens", floats)
            fields.finish()
            return columns

        fields = Fields(value)
        fields.take("requests_per_day", _number)
        rows = len(fields.take("input_tokens", _list(_whole), []))
        models = fields.take("models", _list(model), [])
        fields.finish()
        if rows > MAX_CALIBRATION_ROWS or any(len(column) != rows for columns in models for column in columns):
            raise RouterError(f"{rows} rows are too many, or a model has another number of values")

    @staticmethod
    def _training(value):
        fields = Fields(value)
        if len(fields.need("groups", _bytes)) < 8:
            raise RouterError("a filter has at least 8 bytes", "groups")
        fields.finish()

    def _check(self, steps):
        kinds = [kind for kind, _, _ in steps]
        if len(set(kinds)) != len(kinds):
            raise RouterError("a second step of one kind; keep one", "features")
        columns = sum(count for _, count, _ in steps)
        models = [endpoint.model for endpoint in self.endpoints]
        for heads in self.heads:
            if heads.model not in models:
                raise RouterError(f"there are heads for `{heads.model}`, but no endpoint of that model", "heads")
            heads.check(columns)
        known = [heads.model for heads in self.heads]
        self.head_of = [known.index(model) if model in known else None for model in models]
        self.candidates = [place for place, head in enumerate(self.head_of) if head is not None]
        if _is_learned(self.choose):
            if not self.candidates:
                raise RouterError("a choice of kind `router` needs heads for the models of its endpoints", "heads")
            for place in self.candidates:
                if not self.endpoints[place].prices:
                    name = self.endpoints[place].id
                    raise RouterError(f"`{name}` has no price, and its cost must be predicted", f"endpoints[{place}]")

    def _verify(self, golden):
        """Decide the golden requests again: distributions exactly, predictions within 1e-9."""
        if not 1 <= len(golden) <= MAX_GOLDEN:
            raise RouterError(f"there must be 1 to {MAX_GOLDEN} golden requests, not {len(golden)}", "golden")
        for place, value in enumerate(golden):
            try:
                self._verify_one(value)
            except RouterError as error:
                raise error.within(f"golden[{place}]") from None

    def _verify_one(self, value):
        def choice(shares):
            if not isinstance(shares, dict):
                raise _expected("shares by endpoint", shares)
            for name in shares:
                if name not in self.place:
                    raise RouterError("there is no such endpoint", name)
            return {name: share for name, share in ((name, _whole(share)) for name, share in shares.items()) if share}

        def prediction(item):
            parts = Fields(item)
            found = parts.need("model", _text), parts.need("success", _number), parts.need("output_tokens", _number)
            parts.finish()
            _bounded(found[1], 0.0, 1.0, "success")
            return found

        fields = Fields(value)
        request = fields.need("request", lambda item: Request(item, strict=True))
        said = Decision(
            fields.need("choice", choice),
            fields.need("unanswered_ppm", _whole),
            fields.need("fell_back_ppm", _whole),
            fields.take("predictions", _list(prediction), []),
        )
        fields.finish()
        found = self.decide(request)
        if (found.choice, found.unanswered, found.fell_back) != (said.choice, said.unanswered, said.fell_back):
            raise RouterError("this request is decided otherwise than the file says")
        alike = len(found.predictions) == len(said.predictions) and all(
            model == other and abs(success - s) <= 1e-9 and abs(tokens - t) <= 1e-9 * abs(t)
            for (model, success, tokens), (other, s, t) in zip(found.predictions, said.predictions)
        )
        if not alike:
            raise RouterError("other predictions are made for this request than the file says")

    def decide(self, request, predictions=None):
        """Where a request goes: a `request` object as a dict, or a Request. `predictions`, where
        another runtime has made them, are probability and tokens of each of `heads`, in order."""
        request = request if isinstance(request, Request) else Request(request)
        return self._decide(request, self._predict(request) if predictions is None else predictions)

    def _predict(self, request):
        """Probability and tokens of each of `heads`; nothing without a prompt."""
        if request.prompt is None or not self.heads:
            return []
        entries = self.entries(request)
        predictions = [heads.predict(entries) for heads in self.heads]
        return predictions if self.shrink is None else self.shrink.apply(predictions)

    def _decide(self, request, predictions):
        shares, fell_back = {}, 0
        for target, share in self._targets(request, predictions):
            place = self._first(target, request, predictions)
            if place is None:
                fell_back += share
                tried = (self._first(target, request, predictions) for target in self.fallback)
                place = next((found for found in tried if found is not None), None)
            shares[place] = shares.get(place, 0) + share
        unanswered = shares.pop(None, 0)
        choice = {self.endpoints[place].id: shares[place] for place in sorted(shares) if shares[place]}
        named = [(heads.model, *prediction) for heads, prediction in zip(self.heads, predictions)]
        return Decision(choice, unanswered, fell_back, named)

    def entries(self, request):
        """Column and value of each feature; a step's columns follow those of the step before it."""
        found, first = [], 0
        for columns, entries in self.steps:
            found.extend((first + column, value) for column, value in entries(request))
            first += columns
        return found

    def _targets(self, request, predictions):
        """What the choice says, before eligibility: targets and their shares."""
        choice = self.choose
        while isinstance(choice, (Threshold, Rules)):
            if isinstance(choice, Threshold):
                found = choice.quantity(request)
                choice = choice.to if found is not None and found > choice.above else choice.otherwise
            else:
                held = (to for when, to in choice.rules if when(request))
                choice = next(held, choice.otherwise)
        if isinstance(choice, Always):
            return [(choice.target, ONE)]
        if isinstance(choice, Random):
            return choice.weights
        return [(self._best(choice, request, predictions), ONE)]

    def _first(self, target, request, predictions):
        return next((place for place in target if self._admits(place, request, predictions)), None)

    def _admits(self, place, request, predictions):
        """Eligibility, the deadline by predicted tokens included."""
        endpoint, head = self.endpoints[place], self.head_of[place]
        if not endpoint.admits(request):
            return False
        if endpoint.recorded_only:
            return True
        tokens = predictions[head][1] if predictions and head is not None else None
        return endpoint.meets(request.deadline_ms, tokens)

    def _best(self, learned, request, predictions):
        """The admitted candidate with the greatest predicted net value, as a target; none: an empty
        one. Ties go to the lower predicted cost, then to the order of the file."""
        value, wrong, second = (
            (default if own is None else own) / PICOS
            for own, default in zip((request.value_usd, request.wrong_usd, request.second_usd), learned.trade)
        )
        best = None
        for place in self.candidates if predictions else []:
            if not self._admits(place, request, predictions):
                continue
            endpoint, (success, tokens) = self.endpoints[place], predictions[self.head_of[place]]
            cost, seconds = endpoint.predicted_cost(request, tokens), endpoint.seconds(tokens)
            if cost is None or (second > 0.0 and seconds is None):
                continue
            net = value * success - wrong * (1.0 - success) - cost
            if second > 0.0:
                net -= second * seconds
            if best is None or net > best[0] or (net == best[0] and cost < best[1]):
                best = (net, cost, place)
        return [] if best is None else [best[2]]


# --- the file --------------------------------------------------------------------------------------

HEADER = re.compile(rb',"bytes":(0|[1-9][0-9]*),"sha256":"([0-9a-f]{64})","body":')


def _header(start):
    """Line 1, of a file's first bytes: its length, the body's length, and the body's SHA-256."""
    line, feed, _ = start[:MAX_HEADER_BYTES].partition(b"\n")
    lead = b'{"format":"'
    if not line.startswith(lead):
        raise RouterError(f'not a router file: it must begin with {{"format":"{FORMAT}"')
    name, quote, rest = line[len(lead) :].partition(b'"')
    name = name.decode("utf-8", "replace")
    if not quote:
        raise RouterError("the first line is cut off")
    if name != FORMAT:
        version = re.fullmatch(r"weighbridge\.router/([0-9]{1,9})", name)
        if version and int(version.group(1)) > 1:
            raise RouterError(f"`{name}` was written by a newer version; upgrade weighbridge")
        raise RouterError(f"this is `{name}`, not `{FORMAT}`")
    if not feed:
        raise RouterError(f"the first line is cut off or longer than {MAX_HEADER_BYTES} bytes")
    if rest.endswith(b"\r"):
        raise RouterError("line ends were changed to CR LF; keep the file byte for byte")
    match = HEADER.fullmatch(rest)
    if not match:
        raise RouterError('the first line must go on with ,"bytes":N,"sha256":"...","body":')
    digits = match.group(1).decode("ascii")
    if len(digits) > 9 or len(line) + int(digits) + 3 > MAX_FILE_BYTES:
        raise RouterError(f"the file declares {digits} bytes, more than the limit of {MAX_FILE_BYTES}")
    return len(line) + 1, int(digits), match.group(2).decode("ascii")


def from_bytes(data):
    """Read and check a router file: frame, checksum, every field, and the golden requests."""
    start, size, sha256 = _header(data)
    end = start + size
    if len(data) < end + 2:
        raise RouterError(f"the file is cut off: {len(data)} of {end + 2} bytes")
    if len(data) > end + 2:
        raise RouterError(f"bytes follow the end of the file, which is at {end + 2}")
    body = data[start:end]
    if data[end:] != b"}\n" or not body.endswith(b"\n"):
        raise RouterError("the body must end in a line feed, and the file in a brace and a line feed")
    if hashlib.sha256(body).hexdigest() != sha256:
        raise RouterError("the checksum does not match: the file was changed or damaged")
    try:
        return Router(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RouterError(f"the body is not UTF-8: {error.reason}") from None


def load(path):
    """`from_bytes` of a file; no more of it is read than its first line may declare."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_HEADER_BYTES)
            start, size, _ = _header(data)
            data += file.read(max(0, start + size + 3 - len(data)))
    except (OSError, ValueError) as error:
        raise RouterError(f"the file cannot be read: {error}") from None
    return from_bytes(data)


# --- the command -----------------------------------------------------------------------------------


def _last(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        _sound([value for _, value in pairs])  # what is dropped must be valid too
    return found


def read_line(data, number):
    """Id and request of an input line; None for a trace's header or an empty line."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise RouterError("not UTF-8") from None
    if not text.strip():
        return None
    value = _parse(text, _last)
    if not isinstance(value, dict):
        raise _expected("an object", value)
    if number == 1 and "format" in value:
        return None
    if "id" not in value and "request" not in value:
        return str(number), Request(value)
    fields = Fields(value)
    id = fields.need("id", _text)
    request = fields.take("request", Request)
    return id, Request({}) if request is None else request


def main(arguments):
    """Decide each line of standard input by the router file that is named."""
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print("usage: weighbridge_router.py FILE.router.json < requests.jsonl", file=sys.stderr)
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    place = arguments[0]
    try:
        router = load(place)
        output = sys.stdout.buffer
        for number, data in enumerate(sys.stdin.buffer, 1):
            place = f"<stdin>:{number}"
            found = read_line(data, number)
            if found is not None:
                id, request = found
                output.write(router.decide(request).line(id).encode("utf-8") + b"\n")
        output.flush()
    except RouterError as error:
        sys.stdout.flush()
        print(f"error: {place}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
