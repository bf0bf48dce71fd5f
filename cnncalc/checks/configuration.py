"""The configuration of a project: ``cnncalc.toml``, or ``[tool.cnncalc]`` of ``pyproject.toml``.

The standard library reads TOML but gives no positions, so a second pass over the text finds those of the keys.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from cnncalc.counts import MANY_DIGITS, MAX_RESULT_DIGITS
from cnncalc.errors import DesignError, Problem, Problems, in_text_order, no_effect
from cnncalc.figures.budget import Budget, merged, read_budget
from cnncalc.figures.measure import ALLOW_STATED
from cnncalc.graph import RawValue
from cnncalc.language.files import is_there, read_text
from cnncalc.language.limits import NESTING
from cnncalc.records import NamedTuple
from cnncalc.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONFIGURATION_KEYS = ("budget", "allow_stated", "base", "baseline", "files", "exclude", "select", "ignore")
"""The keys that a configuration may have."""

FILES = ("cnncalc.toml", "pyproject.toml")
MAX_BYTES = 256 * 1024
"""Most bytes of a configuration."""
MAX_PATTERN = 4096
"""Most characters of a pattern of ``exclude``, as of a path under Linux."""
MAX_LIST = 1000
"""Most words in a list of a configuration."""


class Configuration(NamedTuple):
    """Settings of a project for all of its designs.

    ``baseline`` is a path from the working directory; ``files`` are what a check without arguments takes, and
    ``exclude`` patterns of files that a search leaves out, both relative to ``folder``, where the configuration is;
    ``select`` and ``ignore`` name design rules. ``warnings`` are about keys that have no effect; ``exclude_span`` is
    where ``exclude`` stands.
    """

    file: str | None = None
    folder: str = ""
    budget: Budget | None = None
    base: str | None = None
    baseline: str | None = None
    files: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    exclude_span: Span | None = None


NO_CONFIGURATION = Configuration()


class KeyPlace(NamedTuple):
    """The offsets of a key and its value in a TOML text."""

    path: tuple[str, ...]
    start: int
    end: int
    value_start: int
    value_end: int
    is_header: bool = False


class _KeyScanner:
    """Finds the position of each key in a TOML text; stops at a syntax error, which tomllib reports."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: list[KeyPlace] = []
        self.too_deep: int | None = None

    def scan(self) -> list[KeyPlace]:
        """Every key of the text, in order."""
        prefix: tuple[str, ...] = ()
        while True:
            self._blank(lines=True)
            if self.at >= len(self.text):
                return self.places
            if self.text[self.at] == "[":
                brackets = 2 if self.text.startswith("[[", self.at) else 1
                start = self.at
                self.at += brackets
                path = self._key()
                self._blank()
                self.at += brackets
                if path is None:
                    return self.places
                prefix = path
                self.places.append(KeyPlace(prefix, start, self.at, start, self.at, True))
            elif not self._pair(prefix, 0):
                return self.places

    def _blank(self, *, lines: bool = False) -> None:
        found = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*" if lines else r"[ \t]*").match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _key(self) -> tuple[str, ...] | None:
        parts: list[str] = []
        while True:
            self._blank()
            found = re.compile(r"""([A-Za-z0-9_-]+)|"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'""").match(self.text, self.at)
            if found is None:
                return None
            parts.append(next(group for group in found.groups() if group is not None))
            self.at = found.end()
            end = self.at
            self._blank()
            if not self.text.startswith(".", self.at):
                self.at = end
                return tuple(parts)
            if len(parts) == NESTING:
                self.too_deep = found.start()
                return None
            self.at += 1

    def _pair(self, prefix: tuple[str, ...], depth: int) -> bool:
        start = self.at
        path = self._key()
        end = self.at
        self._blank()
        if path is None or not self.text.startswith("=", self.at):
            return False
        self.at += 1
        self._blank()
        number = len(self.places)
        value_start = self.at
        place = KeyPlace((*prefix, *path), start, end, value_start, value_start)
        self.places.append(place)
        if not self._value(place.path, depth + 1):
            return False
        self.places[number] = place._replace(value_end=self.at)
        return True

    def _value(self, path: tuple[str, ...], depth: int) -> bool:
        text = self.text
        if depth > NESTING:
            return False
        for mark in ('"""', "'''"):
            if text.startswith(mark, self.at):
                pattern = r'"""(?:[^\\]|\\.)*?"{3,5}' if mark == '"""' else r"'''.*?'{3,5}"
                return self._match(pattern, re.DOTALL)
        first = text[self.at : self.at + 1]
        if first == '"':
            return self._match(r'"(?:[^"\\\n]|\\.)*"')
        if first == "'":
            return self._match(r"'[^'\n]*'")
        if first not in ("[", "{"):
            return self._match(r"[^,\]}\n#]*[^,\]}\n# \t\r]")
        closing = "]" if first == "[" else "}"
        self.at += 1
        while True:
            self._blank(lines=True)
            if text.startswith(closing, self.at):
                self.at += 1
                return True
            if not (self._value(path, depth + 1) if first == "[" else self._pair(path, depth)):
                return False
            self._blank(lines=True)
            if text.startswith(",", self.at):
                self.at += 1
            elif not text.startswith(closing, self.at):
                return False

    def _match(self, pattern: str, flags: int = 0) -> bool:
        found = re.compile(pattern, flags).match(self.text, self.at)
        if found is None:
            return False
        self.at = found.end()
        return True


class _ConfigurationReader:
    """Reads one configuration."""

    def __init__(self, source: Source, root: tuple[str, ...]) -> None:
        self.source = source
        self.root = root
        self.places: dict[tuple[str, ...], KeyPlace] = {}
        self.problems = Problems()
        scanner = _KeyScanner(source.text)
        for place in scanner.scan():
            if place.path[: len(root)] != root:
                continue
            before = self.places.get(place.path)
            if before is not None and not place.is_header and not before.is_header:
                line = source.position(before.start)[0]
                message = f"the key '{place.path[-1]}' is repeated; it is already on line {line}"
                self.problems.append(Problem("repeated-key", message, self._span(place.start, place.end)))
            self.places.setdefault(place.path, place)
        if scanner.too_deep is not None:
            message = f"a key has at most {NESTING} parts"
            self.problems.append(Problem("limit", message, self._span(scanner.too_deep, scanner.too_deep + 1)))

    def _span(self, start: int, end: int) -> Span:
        return Span(self.source, start, max(start + 1, end))

    def key_span(self, path: tuple[str, ...]) -> Span | None:
        """The position of a key, or of the first key below it."""
        place = self.places.get(path)
        if place is None:
            place = next((other for other in self.places.values() if other.path[: len(path)] == path), None)
        return None if place is None else self._span(place.start, place.end)

    def raw(self, value: Any, path: tuple[str, ...]) -> RawValue:
        """A TOML value with its position."""
        place = self.places.get(path)
        span = self.key_span(path) if place is None else self._span(place.value_start, place.value_end)
        if isinstance(value, dict):
            entries = tuple(
                (name, self.key_span((*path, name)), self.raw(part, (*path, name))) for name, part in value.items()
            )
            return RawValue(span, entries=entries)
        if isinstance(value, list):
            return RawValue(span, what="a list")
        if isinstance(value, bool):
            return RawValue(span, "true" if value else "false")
        return RawValue(span, str(value))

    def read(self, folder: str) -> Configuration | None:
        """The configuration; None if the file has none. Raises DesignError."""
        if self.problems:
            raise DesignError(self.problems)
        data: Any = _parse(self.source)
        for name in self.root:
            data = data.get(name) if isinstance(data, dict) else None
        if data is None:
            return None
        if not isinstance(data, dict):
            message = f"expected [{'.'.join(self.root)}] to be a table"
            raise DesignError([Problem("wrong-type", message, self.key_span(self.root))])
        found = {key: self._value(key, value, folder) for key, value in data.items()}
        if self.problems:
            raise DesignError(in_text_order(self.problems))
        if ALLOW_STATED in found:
            found["budget"] = merged(found.pop(ALLOW_STATED), found.get("budget") or {})
        warnings, span = tuple(self._without_effect(data)), self.key_span((*self.root, "exclude"))
        return Configuration(self.source.name, folder, **found, warnings=warnings, exclude_span=span)

    def _without_effect(self, data: dict[str, Any]) -> Iterator[Problem]:
        """A warning for each key, and each word of a list, that changes nothing."""
        if not data:
            yield no_effect(".".join(self.root) or self.source.name, "it has no keys", self.key_span(self.root))
        for key, value in data.items():
            span = self.key_span((*self.root, key))
            if value == []:
                yield no_effect(key, "it is empty", span)
            elif isinstance(value, list):
                for word, times in Counter(value).items():
                    if times > 1:
                        yield no_effect(f"{key}: a second '{word[:60]}'", f"the list has it {times} times", span)
        chosen = data.get("select") or []
        for rule in dict.fromkeys(data.get("ignore", ())) if chosen else ():
            if rule not in chosen:
                why = "'select' names other rules, and only those are applied"
                yield no_effect(f"ignore: '{rule[:60]}'", why, self.key_span((*self.root, "ignore")))

    def _value(self, key: str, value: Any, folder: str) -> Any:
        """The value of a key as the configuration holds it; None after a problem."""
        path = (*self.root, key)
        if key == "budget":
            return self._budget(self.raw(value, path))
        if key == ALLOW_STATED:
            return self._budget(RawValue(None, entries=((key, self.key_span(path), self.raw(value, path)),)))
        if key in ("base", "baseline"):
            if isinstance(value, str) and value.strip():
                return value if key == "base" else os.path.join(folder, value)
            what = 'a git revision, as in "origin/main"' if key == "base" else 'a path, as in "baseline.json"'
            self._problem("wrong-type", f"{key}: expected {what}", path)
        elif key in CONFIGURATION_KEYS:
            return self._words(key, value, path)
        else:
            near = self.problems.near(key, CONFIGURATION_KEYS) or f" (known: {', '.join(CONFIGURATION_KEYS)})"
            self._problem("unknown-key", f"the configuration has no key '{key[:60]}'{near}", path)
        return None

    def _budget(self, raw: RawValue) -> Budget | None:
        try:
            return read_budget(raw)
        except DesignError as error:
            self.problems += error.every
            return None

    def _words(self, key: str, value: Any, path: tuple[str, ...]) -> tuple[str, ...]:
        """The words of a list; ``select`` and ``ignore`` name design rules."""
        from cnncalc.checks.rules import RULES

        names_rules = key in ("select", "ignore")
        if isinstance(value, list) and len(value) > MAX_LIST:
            message = f"{key}: a list has at most {MAX_LIST:,} words, but this one has {len(value):,}"
            self._problem("limit", message, path)
        elif not isinstance(value, list) or not all(isinstance(part, str) and part.strip() for part in value):
            example = "RULE" if names_rules else "nets"
            self._problem("wrong-type", f'{key}: expected a list of words, as in ["{example}"]', path)
        else:
            for code in dict.fromkeys(value) if names_rules else ():
                if code not in RULES:
                    near = self.problems.near(code, RULES) or f" (known: {', '.join(RULES)})"
                    self._problem("unknown-rule", f"{key}: no design rule '{code[:60]}'{near}", path)
            if key == "exclude" and max(map(len, value), default=0) > MAX_PATTERN:
                self._problem("limit", f"exclude: a pattern has at most {MAX_PATTERN:,} characters", path)
            if key == "files" and "-" in value:
                self._problem("wrong-value", "files: '-' is standard input, which only a call can name", path)
            return tuple(value)
        return ()

    def _problem(self, code: str, message: str, path: tuple[str, ...]) -> None:
        self.problems.append(Problem(code, message, self.key_span(path)))


def _parse(source: Source) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(source.text)
    except RecursionError:
        raise DesignError([Problem("limit", f"{source.name}: values are nested too deeply", None)]) from None
    except tomllib.TOMLDecodeError as error:
        text = str(error)
        found = re.search(r"\(at line (\d+), column (\d+)\)", text)
        start = max(0, len(source.text) - 1)
        if found is not None:
            lines = source.text.split("\n")
            row, column = int(found[1]) - 1, int(found[2]) - 1
            start = sum(len(line) + 1 for line in lines[:row]) + column
        what = text.partition(" (at ")[0]
        start = max(0, min(start, len(source.text) - 1))
        raise DesignError([Problem("toml-syntax", f"TOML: {what}", Span(source, start, start + 1))]) from None
    except ValueError:
        runs = re.finditer("[0-9_]+", source.text)
        digits = next((run for run in runs if run.end() - run.start() > MAX_RESULT_DIGITS), None)
        span = None if digits is None else Span(source, digits.start(), digits.end())
        raise DesignError([Problem("limit", MANY_DIGITS, span)]) from None


def shown_path(path: str, folder: str = "") -> str:
    """A path as printed: relative to ``folder`` (default: the current one), with ``/``."""
    try:
        shown = os.path.relpath(path, folder or os.curdir)
    except ValueError:  # another drive
        shown = os.path.normpath(path)
    return shown.replace(os.sep, "/")


class Configurations:
    """Finds the configuration nearest to a folder; reads each file once."""

    def __init__(self, folder: str = "") -> None:
        self.folder = folder  # names in messages are relative to it
        self._known: dict[str, Configuration | DesignError] = {}

    def of_folder(self, folder: str) -> Configuration:
        """The configuration of the folder, or of the nearest one above it; raises DesignError.

        The search ends at the root of the repository. A ``pyproject.toml`` without ``[tool.cnncalc]`` is skipped.
        """
        visited: list[str] = []
        found: Configuration | DesignError = NO_CONFIGURATION
        current = os.path.abspath(folder)
        while True:
            known = self._known.get(current)
            if known is not None:
                found = known
                break
            visited.append(current)
            try:
                own = _in_folder(current, self.folder)
            except DesignError as error:
                found = error
                break
            above = os.path.dirname(current)
            if own is not None:
                found = own
                break
            if above == current or is_there(os.path.join(current, ".git")):
                break
            current = above
        for place in visited:
            self._known[place] = found
        if isinstance(found, DesignError):
            raise found
        return found


def _in_folder(folder: str, start: str) -> Configuration | None:
    found: list[Configuration] = []
    for name, root in zip(FILES, ((), ("tool", "cnncalc")), strict=True):
        path = os.path.join(folder, name)
        shown = shown_path(path, start)
        if not is_there(shown, start):
            continue
        text = read_text(shown, MAX_BYTES, start, "a configuration")
        if name == "pyproject.toml" and "cnncalc" not in text and "\\" not in text:
            continue
        configuration = _ConfigurationReader(Source(shown, text), root).read(folder)
        if configuration is not None:
            found.append(configuration)
    if len(found) > 1:
        names: Sequence[str] = [str(one.file) for one in found]
        message = f"two configurations: {names[0]} and [tool.cnncalc] of {names[1]}; keep one of them"
        raise DesignError([Problem("repeated-key", message)])
    return found[0] if found else None
