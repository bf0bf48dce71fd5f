"""The base that relative limits refer to: a revision of the git repository, or a recorded baseline."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from cnncalc.checks.measure import Meter
from cnncalc.errors import CnncalcError, DesignError, Problem
from cnncalc.language.files import read_text
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnncalc.checks.measure import Measure
    from cnncalc.language.settings import Settings

SECONDS = 30
"""The time limit of a git command."""


class NoBase(CnncalcError):
    """The base does not have a file or a value."""


class Base:
    """A source of earlier values."""

    name = ""

    def value(self, file: str, measure: Measure) -> int:
        """The value of a file; raises NoBase if there is none, DesignError if the base cannot be read."""
        raise NotImplementedError


class Revision(Base):
    """The files in a revision of the git repository."""

    def __init__(self, revision: str, settings: Settings, folder: str = "") -> None:
        self.folder = folder
        self.revision = revision
        self.name = visible(revision)
        self.settings = settings
        self._meters: dict[str, Meter | CnncalcError] = {}
        self._checked: set[str] = set()

    def value(self, file: str, measure: Measure) -> int:
        if file not in self._meters:
            try:
                self._meters[file] = Meter(self._report(file))
            except (DesignError, NoBase) as error:
                self._meters[file] = error
        found = self._meters[file]
        if isinstance(found, CnncalcError):
            raise found
        return found.value(measure)

    def _report(self, file: str) -> Any:
        from cnncalc.analysis.loading import load_bytes
        from cnncalc.analysis.report import account

        if not os.path.isfile(os.path.join(self.folder, file)):
            raise NoBase(f"{file} is not a file in the repository")
        content = self.content(file)
        try:
            return account(load_bytes(f"{self.name}:{file}", content, self.settings))
        except CnncalcError as error:
            first = error.problems[0].message if isinstance(error, DesignError) else str(error)
            raise NoBase(f"{file} is invalid in {self.name}: {first}") from None

    def verify(self, folder: str) -> None:
        """Raises DesignError if the repository of a folder does not have the revision."""
        if folder not in self._checked:
            if self.revision.startswith("-") or not self.revision.strip():
                raise self._unreadable("not a revision")
            self._git(folder, "rev-parse", "--verify", "--quiet", f"{self.revision}^{{commit}}")
            self._checked.add(folder)

    def content(self, file: str) -> bytes:
        """The content of a file in the revision."""
        folder, name = os.path.split(os.path.abspath(os.path.join(self.folder, file)))
        self.verify(folder)
        if not self._git(folder, "ls-tree", "--name-only", self.revision, "--", f"./{name}").strip():
            raise NoBase(f"{file} does not exist in {self.name}")
        return self._git(folder, "cat-file", "blob", f"{self.revision}:./{name}")

    def _unreadable(self, why: str) -> DesignError:
        hint = "fetch its history; a shallow clone (fetch-depth: 1) does not have it"
        return DesignError([Problem("unreadable-base", f"cannot read the base '{self.name}': {why}", None, hint)])

    def _git(self, folder: str, *words: str) -> bytes:
        try:
            # git is looked up on the PATH, as by a shell
            done = subprocess.run(  # noqa: S603
                ["git", "-c", "core.quotepath=off", *words],  # noqa: S607
                cwd=folder,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise self._unreadable("the program 'git' is not installed") from None
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise self._unreadable(f"git failed: {type(error).__name__}") from None
        if done.returncode:
            output = done.stderr.decode("utf-8", "replace").strip().splitlines()
            why = visible(output[-1]).removeprefix("fatal: ")[:200] if output else "no such commit"
            if "not a git repository" in why:
                why = "the file is not in a git repository"
            raise self._unreadable(why)
        return done.stdout


BASELINE_SCHEMA = 1
MAX_BASELINE_BYTES = 16 * 1024 * 1024


class Baseline(Base):
    """Values recorded by ``check --record`` in a JSON file."""

    def __init__(self, path: str, shown: str, folder: str = "") -> None:
        self.path = path
        self.folder = folder
        self.name = shown
        self.values = _read(path, shown)

    def value(self, file: str, measure: Measure) -> int:
        known = self.values.get(recorded_name(file, self.path, self.folder))
        if known is None:
            raise NoBase(f"{file} does not exist in {self.name}")
        if measure.identity not in known:
            raise NoBase(f"{self.name} has no {measure.identity} of {file}; record it again")
        return known[measure.identity]


def recorded_name(file: str, baseline: str, folder: str = "") -> str:
    """The name of a file in a baseline: its path relative to the baseline, or the name of a net."""
    real = os.path.join(folder, file)
    if not file or not os.path.exists(real):
        return file
    try:
        path = os.path.relpath(real, os.path.dirname(os.path.abspath(baseline)))
    except ValueError:  # another drive
        path = file
    return path.replace(os.sep, "/")


def _read(path: str, shown: str) -> dict[str, dict[str, int]]:
    import json

    def refuse(why: str) -> DesignError:
        hint = "cnncalc check FILES... --record writes one"
        return DesignError([Problem("unreadable-base", f"cannot read the baseline {shown}: {why}", None, hint)])

    try:
        if os.path.isfile(path) and os.path.getsize(path) > MAX_BASELINE_BYTES:
            raise refuse("it is too large")
        data = json.loads(read_text(path))
    except DesignError as error:
        raise refuse(error.problems[0].message.rpartition(": ")[2]) from None
    except (ValueError, RecursionError) as error:
        raise refuse(f"invalid JSON ({str(error)[:100]})") from None
    if not isinstance(data, dict) or data.get("schema") != BASELINE_SCHEMA or not isinstance(data.get("files"), dict):
        raise refuse("not a baseline of cnncalc (schema 1)")
    files: dict[str, dict[str, int]] = {}
    for name, values in data["files"].items():
        if not isinstance(values, dict) or not all(type(value) is int and value >= 0 for value in values.values()):
            raise refuse(f"the values of '{visible(name)[:60]}' are not whole numbers")
        files[name] = values
    return files


def baseline_text(values: Mapping[str, Mapping[str, int]]) -> str:
    """A baseline as JSON: exact values, sorted."""
    import json

    data = {"schema": BASELINE_SCHEMA, "files": values}
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
