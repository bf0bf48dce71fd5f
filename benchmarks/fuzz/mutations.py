"""Random changes of inputs: of bytes, of the words and lines of texts, of JSON values, of the fields of binary files.

A mutation takes a random generator, an input, and the pool of all inputs of the target, from which it takes parts. It
returns another input. The same generator gives the same result.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    Mutation: TypeAlias = Callable[[Random, bytes, Sequence[bytes]], bytes]

MOST_BYTES = 6_000
"""Longer inputs are cut, so that many are tried in little time; the limits of size have tests of their own."""
NUMBERS = (-1, 0, 1, 2, 3, 7, 255, 4_096, 1 << 31, (1 << 62), (1 << 63) - 1, 10**18, 10**30)
VALUES = (
    "null", "true", "false", '""', '"x"', '"same"', '"\\u001b[2J\\u202e"', "[]", "{}", "[[]]", "[1, 2]",
    "[null, null]", '{"a": 1}',
    "0.5", "-0.0", "1e300", "1e999", "-1e999", *[str(number) for number in NUMBERS],
)  # fmt: skip
"""Values of JSON."""
SIGNS = "[]{}()|?*@-/,:=# \n\t0123456789xX.'\"&!%<>~`\\;^_\r\0\u00d7\u2192\u4e2d\u202e\ud800\u2028"
WORDS = re.compile(rb"[A-Za-z_]+|[0-9]+|->|\s+|.", re.S)
TIMES = (1, 1, 1, 2, 2, 3, 5)
"""How many changes an input gets."""


def damaged(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """The data with bytes changed, taken away, repeated or exchanged."""
    made = bytearray(data)
    for _ in range(random.choice(TIMES)):
        at = random.randrange(len(made) or 1)
        what = random.randrange(7)
        length = random.choice((1, 1, 2, 5, 40))
        if what == 0:
            made[at : at + 1] = bytes([random.randrange(256)])
        elif what == 1:
            del made[at : at + length]
        elif what == 2:
            made[at:at] = made[at : at + length] * random.choice((1, 2, 30))
        elif what == 3:
            other = random.choice(pool)
            start = random.randrange(len(other) or 1)
            made[at:at] = other[start : start + length]
        elif what == 4:
            made[at:at] = random.randbytes(length)
        elif what == 5:
            made[at : at + 1] = bytes([made[at] ^ (1 << random.randrange(8))]) if made else b""
        else:
            del made[at:]
    return bytes(made)


def with_signs(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """A text with characters put in or replaced, most of them signs of the languages."""
    text = data.decode("utf-8", "surrogateescape")
    for _ in range(random.choice(TIMES)):
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(SIGNS) + text[at + random.randrange(2) :]
    return text.encode("utf-8", "surrogatepass" if "\ud800" in text else "surrogateescape")


def with_numbers(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """A text with other numbers, most of them small, so that many are still valid."""

    def other(found: re.Match[bytes]) -> bytes:
        if random.random() < 0.6:
            return found[0]
        if random.random() < 0.1:
            return str(random.choice(NUMBERS)).encode()
        return str(max(0, int(found[0][:18]) + random.randrange(-3, 4))).encode()

    return re.sub(rb"[0-9]+", other, data)


def with_words(*pieces: str) -> Mutation:
    """A mutation that takes away, repeats, moves or replaces words and signs; new ones are these or of the pool."""
    given = [piece.encode() for piece in pieces]

    def mutated(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
        words = WORDS.findall(data)
        for _ in range(random.choice(TIMES)):
            at = random.randrange(len(words) + 1)
            words[at : at + random.randrange(3)] = _new_words(random, words, pool, given)
        return b"".join(words)

    return mutated


def _new_words(random: Random, words: list[bytes], pool: Sequence[bytes], given: Sequence[bytes]) -> list[bytes]:
    what = random.randrange(8)
    if what == 0 or not words:
        return []
    if what == 1:
        return [str(random.choice(NUMBERS)).encode()]
    if what == 2:
        start = random.randrange(len(words))
        return words[start : start + random.randrange(1, 12)]
    if what == 3:
        other = random.choice(pool)
        start = random.randrange(len(other) or 1)
        return [other[start : start + random.choice((1, 4, 20, 100))]]
    if what == 4:
        return [random.choice(words)]
    if what == 5:
        return [str(random.randrange(12)).encode()]
    return [random.choice(given)] if given else []


def with_lines(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """A text with lines taken away, repeated, moved, indented, or taken from another text."""
    lines = data.split(b"\n")
    for _ in range(random.choice(TIMES)):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        line = lines[at]
        what = random.randrange(6)
        if what == 0:
            new: list[bytes] = []
        elif what == 1:
            new = [line, line]
        elif what == 2:
            new = [lines[other], line]
        elif what == 3:
            new = [b" " * random.randrange(1, 7) + line]
        elif what == 4:
            new = [line.lstrip()]
        else:
            new = [line, random.choice(random.choice(pool).split(b"\n"))]
        lines[at : at + 1] = new
        lines = lines or [b""]
    return b"\n".join(lines)


def with_values(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """JSON with values taken away, exchanged, or replaced; bytes are damaged where it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return damaged(random, data, pool)
    for _ in range(random.choice(TIMES)):
        places = _places(value)
        if not places:
            return random.choice(VALUES).encode()
        holder, key = random.choice(places)
        other, far = random.choice(places)
        what = random.randrange(5)
        if what == 0:
            del holder[key]
        else:
            holder[key] = json.loads(json.dumps(other[far]) if what <= 2 else random.choice(VALUES))
    return json.dumps(value).replace("Infinity", "1e999").encode()


def with_members(key: str, kinds: Sequence[str], names: Sequence[str]) -> Mutation:
    """A mutation of JSON that gives mappings further members called ``names``, or one of ``kinds`` as their ``key``."""

    def mutated(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return damaged(random, data, pool)
        places = _places(value)
        holders = [each[name] for each, name in places if isinstance(each[name], dict)] or [{}]
        typed = [each for each, name in places if name == key]
        for _ in range(random.choice(TIMES)):
            if typed and random.random() < 0.4:
                random.choice(typed)[key] = random.choice(kinds)
            else:
                random.choice(holders)[random.choice(names)] = json.loads(random.choice(VALUES))
        return json.dumps(value).replace("Infinity", "1e999").encode()

    return mutated


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every list and mapping inside a JSON value with each of its keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        keys: Any = one.keys() if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], (dict, list)):
                waiting.append(one[key])
    return found


def one_of(*mutations: Mutation) -> Mutation:
    """One of these mutations each time, rarely two; an input that becomes too long is cut."""

    def mutated(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
        data = random.choice(mutations)(random, data, pool)
        if random.random() < 0.1:
            data = random.choice(mutations)(random, data, pool)
        return data[:MOST_BYTES]

    return mutated
