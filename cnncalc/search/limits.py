"""The limits of a search: bounds on figures, and which of them a design breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.figures.budget import from_calls, read_budget
from cnncalc.figures.measure import KEYS, Measure, measure_of
from cnncalc.records import NamedTuple
from cnncalc.search.family import BATCH, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.figures.budget import Entry


class Bound(NamedTuple):
    """A limit on a figure: ``bound`` is ``max`` or ``min``, ``limit`` a number in the unit of the figure."""

    wanted: Wanted
    bound: str
    limit: int

    @property
    def side(self) -> str:
        """On which side values break the limit: ``above`` or ``below``."""
        return "above" if self.bound == "max" else "below"

    @property
    def text(self) -> str:
        """The reason for a value that breaks the limit: ``macs above 300000000``."""
        return f"{self.wanted.measure.key} {self.side} {self.limit}"

    def excess(self, value: int) -> int:
        """By how much a value breaks the limit, in the unit of the figure; 0 or less if it does not."""
        return value - self.limit if self.bound == "max" else self.limit - value

    def is_broken(self, value: int) -> bool:
        """Whether a value breaks the limit."""
        return self.excess(value) > 0


def bounds_of(calls: Sequence[tuple[str, str]], options: Mapping[str, Any]) -> list[Bound]:
    """The bounds of ``--max`` and ``--min``, in the order of the keys.

    ``calls`` are pairs of ``max`` or ``min`` and ``KEY=LIMIT[,OPTION=VALUE...]``. ``options`` are used for options that
    a limit does not write. Raises DesignError, also for a limit that is relative.
    """
    if not calls:
        return []
    bounds, problems = [], []
    for entry in read_budget(from_calls(calls), "--max and --min").values():
        wanted = wanted_of(entry, options)
        for limit in entry.limits:
            if limit.amount.value is None:
                message = f"{entry.measure.key}: {limit.amount.text} is relative, and a search has no base"
                hint = f"write the limit itself, as in {entry.measure.key}={KEYS[entry.measure.key].example}"
                problems.append(Problem("wrong-value", message, limit.span, hint))
            else:
                bounds.append(Bound(wanted, limit.bound, limit.amount.value))
    if problems:
        raise DesignError(problems)
    return bounds


def wanted_of(entry: Entry, options: Mapping[str, Any]) -> Wanted:
    """The figure that an entry of a budget limits; options that the entry does not write are from ``options``."""
    written = {name: getattr(entry.measure, name) for name in entry.options}
    return Wanted(measure_of(entry.measure.key, {**options, **written}), BATCH not in entry.options)


def memory_bounds(text: str, options: Mapping[str, Any]) -> list[Bound]:
    """The limits of ``--memory``: training memory, as ``fit`` computes it, is at most a size or that of a device.

    On a board, arena and reserve together are at most its RAM, and the model at most its flash. Raises ValueProblem for
    an unknown device, and for a reserve that is not smaller than the memory.
    """
    from cnncalc.memory.boards import is_board, read_board
    from cnncalc.memory.devices import read_memory
    from cnncalc.memory.need import reserve_of

    if is_board(text):
        board, kept = read_board(text), options.get("reserve") or 0
        if not isinstance(kept, int) or kept >= board.ram:
            message = f"expected a number of bytes below the RAM of {board.name} ({board.ram:,}), found {kept}"
            raise ValueProblem(f"--reserve: {message}", code="wrong-value", hint="--reserve 40KiB")
        room = board._replace(ram=board.ram - kept)
        return [
            Bound(Wanted(Measure(key.name)), "max", getattr(room, key.on_board))
            for key in KEYS.values()
            if key.on_board
        ]
    measure = measure_of("training_need", options)
    memory, _ = read_memory(text)
    reserve = reserve_of(measure.memory_options).bytes
    if reserve >= memory:
        message = f"the reserve ({reserve:,} bytes) must be smaller than the memory ({memory:,} bytes)"
        raise ValueProblem(message, code="wrong-value", hint="--reserve 0 counts only live tensors")
    return [Bound(Wanted(measure), "max", memory)]
