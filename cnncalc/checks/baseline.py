"""The base of relative limits: a revision of the git repository, or a recorded baseline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cnncalc.checks.repository import NoBase, Repository
from cnncalc.counts import MANY_DIGITS
from cnncalc.errors import CnncalcError, DesignError, Problem
from cnncalc.figures.measure import Meter
from cnncalc.language.files import is_there, read_text
from cnncalc.records import NamedTuple
from cnncalc.source import argument, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.figures.measure import Measure
    from cnncalc.language.settings import Settings


class Base:
    """Earlier values, with which relative limits are resolved; ``name`` is what messages call it."""

    name = ""

    def value(self, file: str, measure: Measure) -> int:
        """The earlier value of a file; raises NoBase if there is none, DesignError if the base cannot be read."""
        raise NotImplementedError


class Revision(Base):
    """The files in a revision of the git repository."""

    def __init__(self, revision: str, settings: Settings, folder: str = "") -> None:
        self.folder = folder
        self.repository = Repository(revision, folder)
        self.name = self.repository.name
        self.settings = settings
        self._meters: dict[str, Meter | CnncalcError] = {}

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
        content = self.repository.content(file)
        try:
            return account(load_bytes(f"{self.name}:{file}", content, self.settings))
        except CnncalcError as error:
            first = error.problems[0].message if isinstance(error, DesignError) else str(error)
            raise NoBase(f"{file} is invalid in {self.name}: {first}") from None


BASELINE_SCHEMA = 1
MAX_BASELINE_BYTES = 8 * 1024 * 1024
"""Most bytes of a baseline."""


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
        hint = f"cnncalc check FILES... --record {argument(shown)}"
        if is_there(path) or shown in ("-", "."):  # --record adds to a file, so it refuses the same one
            hint = "name another one: cnncalc check FILES... --record FILE"
            if os.path.isfile(path):
                hint = f"remove the file, or {hint}"
        return DesignError([Problem("unreadable-base", f"cannot read the baseline {shown}: {why}", None, hint)])

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise refuse(f"it has the key '{visible(name)[:60]}' twice")
            found[name] = value
        return found

    try:
        data = json.loads(read_text(path, MAX_BASELINE_BYTES, what="a baseline"), object_pairs_hook=once)
    except DesignError as error:
        if error.problems[0].code == "unreadable-base":
            raise
        raise refuse(error.problems[0].message.rpartition(": ")[2]) from None
    except json.JSONDecodeError as error:
        raise refuse(f"invalid JSON ({str(error)[:100]})") from None
    except RecursionError:
        raise refuse("JSON is nested too deeply") from None
    except ValueError:
        raise refuse(MANY_DIGITS) from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if type(schema) is not int or schema != BASELINE_SCHEMA or not isinstance(data.get("files"), dict):
        raise refuse("not a baseline of cnncalc (schema 1)")
    files: dict[str, dict[str, int]] = {}
    for name, values in data["files"].items():
        if not isinstance(values, dict) or not all(type(value) is int and value >= 0 for value in values.values()):
            raise refuse(f"the values of '{visible(name)[:60]}' must be whole numbers of at least 0")
        files[name] = values
    return files


class Recorded(NamedTuple):
    """A value for a baseline, and whether a lower or a higher one loosens a limit that is relative to it."""

    name: str
    value: int
    is_loosened_below: bool = False
    is_loosened_above: bool = True

    def is_loosened(self, before: int) -> bool:
        """Whether recording it in place of an earlier value loosens a limit."""
        return (self.is_loosened_below and self.value < before) or (self.is_loosened_above and self.value > before)


def updated(
    path: str, shown: str, new: Mapping[str, Sequence[Recorded]], *, accept: bool = False
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """The values of a baseline after recording new ones, and a line for each earlier value that is kept.

    An earlier value is kept if the new one would loosen a limit, unless ``accept``. Values of files that were not
    checked are kept while the file exists.
    """
    old = _read(path, shown) if is_there(path) else {}
    place = os.path.dirname(os.path.abspath(path))
    values = {
        name: known
        for name, known in old.items()
        if name in new or not name.endswith((".yaml", ".yml")) or os.path.exists(os.path.join(place, name))
    }
    kept: list[str] = []
    for name, recorded in new.items():
        known = {} if accept else old.get(name, {})
        stays = {one.name for one in recorded if one.name in known and one.is_loosened(known[one.name])}
        kept += [f"{name}: {one.name}: {known[one.name]:,}, now {one.value:,}" for one in recorded if one.name in stays]
        values[name] = {one.name: known[one.name] if one.name in stays else one.value for one in recorded}
    return values, kept


def baseline_text(values: Mapping[str, Mapping[str, int]]) -> str:
    """A baseline as JSON: exact values, sorted."""
    import json

    data = {"schema": BASELINE_SCHEMA, "files": values}
    return json.dumps(data, indent=2, sort_keys=True) + "\n"
