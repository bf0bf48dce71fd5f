"""Finds the targets of a check: files and nets by name, and the files in folders."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from cnncalc.analysis.loading import ARCHITECTURE
from cnncalc.checks.configuration import MAX_PATTERN, NO_CONFIGURATION, shown_path
from cnncalc.errors import DesignError, Problem, ValueProblem, no_effect
from cnncalc.language.files import is_there, why_unreadable
from cnncalc.records import NamedTuple
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.checks.configuration import Configuration, Configurations

PATHS = "a pattern with / is compared with paths from the working folder, such as nets/old"
"""The hint for a pattern of the call that matches nothing."""
EXCLUDED = "excluded by"
"""How the reason begins why a file that matches a pattern is left out."""
ENDINGS = ARCHITECTURE.endings
"""The endings of the files that a search of folders takes; a model file is checked only if the call names it."""


class Target(NamedTuple):
    """A design to check.

    ``shown`` is its name in reports, ``target`` what is loaded, ``folder`` where the search for its configuration
    starts, ``path`` that of the file (None: not a file). ``is_found``: it was found in a folder, so it is left out if
    it is not meant as a design.
    """

    shown: str
    target: str
    folder: str
    path: str | None
    is_found: bool = False


class LeftOut(NamedTuple):
    """A file or folder that is not checked, and why. ``is_chosen``: the call or a configuration excludes it."""

    file: str
    why: str
    is_chosen: bool = False


class Unreadable(NamedTuple):
    """A folder that cannot be read, and the problem."""

    shown: str
    problem: Problem


class Search:
    """The targets of one call, each once, and what was left out or could not be read.

    Relative names start from ``folder``; ``exclude`` are the patterns of the call. Raises ValueProblem for one that is
    too long.
    """

    def __init__(self, configurations: Configurations, folder: str, exclude: Sequence[str]) -> None:
        if max(map(len, exclude), default=0) > MAX_PATTERN:
            raise ValueProblem(f"--exclude: a pattern has at most {MAX_PATTERN:,} characters", code="limit")
        self.configurations = configurations
        self.folder = folder
        self.exclude = exclude
        self.targets: dict[str, Target] = {}
        self.left_out: list[LeftOut] = []
        self.unreadable: list[Unreadable] = []
        self._seen: set[str] = set()
        self._matched: set[tuple[str | None, str]] = set()  # patterns, with the file of their configuration

    def unmatched(self, configuration: Configuration | None) -> list[Problem]:
        """A warning for each pattern of the call, and of the configuration that named the targets, without effect."""
        why = "it matches no file or folder of the search" if self._seen else "no folder is searched"
        found = [
            no_effect(f"--exclude '{visible(pattern)}'", why, hint=PATHS if "/" in pattern else None)
            for pattern in dict.fromkeys(self.exclude)
            if (None, pattern) not in self._matched
        ]
        if configuration is None:
            return found
        return found + [
            no_effect(f"exclude: '{visible(pattern)}'", why, configuration.exclude_span)
            for pattern in dict.fromkeys(configuration.exclude)
            if (configuration.file, pattern) not in self._matched
        ]

    def _matching(self, path: str, patterns: Sequence[str], file: str | None) -> str | None:
        """The first of the patterns that matches a path; all that do are remembered."""
        found = [pattern for pattern in patterns if matches(path, pattern)]
        self._matched.update([(file, pattern) for pattern in found])
        return visible(found[0]) if found else None

    def add(self, name: str) -> None:
        """Adds a target as the call names it: standard input, a file, a folder, a named net or a pattern."""
        path = os.path.join(self.folder, name)
        if not name or name == "-" or not is_there(path):
            shown = visible(name) if name != "-" else "<stdin>"
            self.targets.setdefault(name, Target(shown, name, self.folder or ".", None))
        elif os.path.isdir(path):
            before, known = (len(self.targets), len(self.unreadable)), len(self.left_out)
            self._search(path)
            if before == (len(self.targets), len(self.unreadable)):
                why = f"no {' or '.join(ENDINGS)} file in this folder"
                if any(one.why.startswith(EXCLUDED) for one in self.left_out[known:]):
                    why += " that is not excluded"
                self.left_out.append(LeftOut(self._shown(path), why))
        else:
            self._add_file(path, is_found=False)

    def _shown(self, path: str) -> str:
        return shown_path(path, self.folder)

    def _add_file(self, path: str, *, is_found: bool) -> None:
        shown = self._shown(path)
        if shown not in self.targets or not is_found:
            self.targets[shown] = Target(shown, path, os.path.dirname(os.path.abspath(path)), shown, is_found)

    def _search(self, start: str) -> None:
        """Adds the files below a folder; a folder that several links name is searched once."""
        links = [start]
        while links:
            folders = [links.pop(0)]
            while folders:
                here = folders.pop()
                real = os.path.realpath(here)
                if real in self._seen:
                    if here != start:
                        self.left_out.append(LeftOut(self._shown(here), "this folder is already searched", True))
                    continue
                self._seen.add(real)
                below: list[str] = []
                for path in self._entries(here):
                    if not os.path.isdir(path):
                        self._consider(path)
                    elif os.path.islink(path):
                        links.append(path)  # after the folders themselves, so that files have their own names
                    else:
                        below.append(path)
                folders += reversed(below)

    def _entries(self, folder: str) -> Iterator[str]:
        """The paths in a folder that are not excluded, sorted."""
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            shown = self._shown(folder)
            message = f"cannot read the folder {visible(shown)}: {why_unreadable(folder, error)}"
            self.unreadable.append(Unreadable(shown, Problem("unreadable", message)))
            return
        for name in names:
            path = os.path.join(folder, name)
            why = self._excluded(path, name)
            if why is None:
                yield path
            elif os.path.isdir(path) or _has_ending(name):
                self.left_out.append(LeftOut(self._shown(path), why, True))

    def _consider(self, path: str) -> None:
        """Adds a file if it has an ending of architecture files; a broken link is left out with the reason."""
        if _has_ending(path):
            self._add_file(path, is_found=True)
        elif os.path.islink(path) and not os.path.exists(path):
            why = f"it is a link to {visible(os.readlink(path))}, which does not exist"
            self.left_out.append(LeftOut(self._shown(path), why))

    def _excluded(self, path: str, name: str) -> str | None:
        """Why a path is not searched; None if it is."""
        found = self._matching(self._shown(path), self.exclude, None)
        try:
            configuration = self.configurations.of_folder(os.path.dirname(path))
        except DesignError:  # reported with each file
            configuration = NO_CONFIGURATION
        if configuration.exclude:
            inside = shown_path(path, configuration.folder)
            of_file = self._matching(inside, configuration.exclude, configuration.file)
            if found is None and of_file is not None:
                found = f"{of_file} in {visible(configuration.file or '')}"
        if name.startswith("."):
            return "hidden"
        return None if found is None else f"{EXCLUDED} {found}"


def _has_ending(path: str) -> bool:
    return path.lower().endswith(ENDINGS)


def matches(path: str, pattern: str) -> bool:
    """Whether a pattern excludes a path.

    A pattern without a ``/`` is compared with the last part of the path, any other with all parts: ``*`` matches any
    text within a part, ``**`` any number of parts.
    """
    wanted = [part for part in pattern.split("/") if part not in ("", ".")]
    parts = path.split("/")
    if len(wanted) == 1 and not pattern.startswith(("/", "./")):
        return fnmatchcase(parts[-1], wanted[0])
    reached = {0}  # how many parts of the path the pattern so far can match
    for part in wanted:
        if part == "**":
            reached = set(range(min(reached, default=len(parts) + 1), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and fnmatchcase(parts[at], part)}
    return len(parts) in reached
