"""From what a user names to a graph: standard input, a file, a named net, or a pattern."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, Problem, did_you_mean
from cnncalc.language import catalogue
from cnncalc.language.expand import Settings, expand
from cnncalc.language.limits import YAML_BYTES
from cnncalc.language.syntax import Design
from cnncalc.source import Source, plain, visible

if TYPE_CHECKING:
    from cnncalc.graph import Graph

DEFAULT_SETTINGS = Settings()


def load_target(target: str, settings: Settings = DEFAULT_SETTINGS, stdin: str | None = None) -> Graph:
    """The graph of a target.

    Tried in this order: ``-`` (the text ``stdin``), an existing path or anything that ends in .yaml or .yml, a named
    net, a pattern. Raises DesignError with all problems found.
    """
    if target == "-":
        return load_text("<stdin>", stdin or "", settings)
    if target.endswith((".yaml", ".yml")) or _exists(target):
        return load_file(target, settings)
    named = catalogue.path(target)
    if named is not None:
        return load_file(named, settings, shown_as=f"{target}.yaml")
    if _looks_like_name(target):
        names = catalogue.names()
        near = did_you_mean(target, names)
        message = f"no file, named net or pattern '{target}'{near}"
        raise DesignError([Problem("unknown-target", message, None, "'cnncalc list' shows the named nets")])
    return load_pattern("<pattern>", target, settings)


def load_text(name: str, text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of a text that is YAML if it parses as a mapping, else a pattern."""
    if not text.strip():
        raise DesignError([Problem("empty", f"{name} is empty: write a pattern or an architecture file")])
    if _may_be_yaml(text):
        from cnncalc.language.architecture import looks_like_file

        if looks_like_file(text):
            return _load_architecture(Source(name, text), settings)
    return load_pattern(name, text, settings)


def _may_be_yaml(text: str) -> bool:
    """Whether a text has a ':' outside of comments, as every mapping has; spares patterns the YAML parser."""
    return any(":" in line.split("#", 1)[0] for line in text.splitlines())


def load_pattern(name: str, text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of a pattern string."""
    from cnncalc.language.pattern import parse_pattern

    return expand(Design("pattern", parse_pattern(plain(name, text))), settings)


def load_file(path: str, settings: Settings = DEFAULT_SETTINGS, shown_as: str | None = None) -> Graph:
    """The graph of an architecture file; a file without any key is read as a pattern."""
    return _load_architecture(Source(shown_as or path, read_text(path)), settings)


def load_file_text(name: str, text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of the text of an architecture file that is not read from its place."""
    return _load_architecture(Source(name, text), settings)


def read_text(path: str) -> str:
    """The text of a file in UTF-8; DesignError if it cannot be read."""
    shown = visible(path)
    try:
        if os.path.isdir(path):
            raise DesignError([Problem("unreadable", f"{shown} is a folder, not an architecture file")])
        with open(path, "rb") as file:
            data = file.read(YAML_BYTES + 4)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DesignError([Problem("unreadable", f"cannot read {shown}: {reason}")]) from None
    except ValueError:
        raise DesignError([Problem("unreadable", f"cannot read {shown}: no such file")]) from None
    return decode(shown, data)


def decode(name: str, data: bytes) -> str:
    """Bytes as UTF-8 text, without a byte order mark; DesignError if they are not, or are too many."""
    if len(data) > YAML_BYTES + 3:
        message = f"{name}: an architecture file has at most {YAML_BYTES // 1024**2} MiB"
        raise DesignError([Problem("limit", message)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{name}: not a text in UTF-8 (byte {error.start}, line {line})"
        raise DesignError([Problem("unreadable", message)]) from None


def _load_architecture(source: Source, settings: Settings) -> Graph:
    from cnncalc.language.architecture import PartialDesign, parse_architecture

    try:
        design = parse_architecture(source)
    except PartialDesign as error:
        if not error.design.items:
            raise DesignError(error.every) from None
        return expand(error.design, settings, error.every)
    graph = expand(design, settings)
    if design.defaults or design.blocks:
        from cnncalc.language.unused import unused_problems

        problems = unused_problems(design)
        if problems:
            raise DesignError(problems)
    return graph


def _exists(target: str) -> bool:
    try:
        return os.path.exists(target)
    except ValueError:
        return False


def _looks_like_name(target: str) -> bool:
    """Whether a target is one plain word, which no whole pattern is unless it is INPUT."""
    word = target.strip()
    if word.lower().startswith("input") or not word:
        return False
    return all(c.isalnum() or c in "-_./\\~" for c in word)
