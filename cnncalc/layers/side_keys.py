"""Readers of keys with one number for each side of a volume, and of keys that name sides."""

from __future__ import annotations

from cnncalc.errors import ValueProblem
from cnncalc.layers.keys import MAX_SIDES, Decimal, Reader, is_whole, shown
from cnncalc.units import listed, plural
from cnncalc.volume import SIDES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cnncalc.layers.keys import Value

END_COUNTS = tuple(sorted({*range(1, MAX_SIDES + 1), *range(2, 2 * MAX_SIDES + 1, 2)}))
"""The numbers of parts that a pad may have: one for each side, or two."""


class PerSide(Reader):
    """Base of readers of values with one number for each side of a volume, or two, or one for all sides.

    The value is a number or a tuple of numbers until :meth:`bind` turns it into the tuple for a number of sides.
    """

    needs_whole = True

    def bind(self, value: Any, sides: int) -> Any:
        """The value for volumes with this number of sides; raises ValueProblem if it is for another number."""
        raise NotImplementedError

    def sides_of(self, value: Any) -> int | None:
        """The number of sides that a value is for; None: any number."""
        return len(value) if isinstance(value, tuple) else None

    def unfit(self, value: Any, sides: int, *counts: int) -> ValueProblem:
        """The error for a value with too many or too few parts; ``counts``: how many it may have, besides one."""
        names = f"{plural(sides, 'side')} ({', '.join(SIDES[sides])})"
        takes = " or ".join(["one number", *[str(count) for count in counts if count > 1]])
        written = self.write(value)
        found = [int(part) if part == int(part) else part for part in value]
        message = f"the volume has {names}, so expected {takes}, found {len(value)}: {shown(found)}"
        hint = None if isinstance(written, list) else f"{shown(written)} alone stands for every side"
        return ValueProblem(message, code="wrong-sides", hint=hint)


class Sizes(PerSide):
    """A whole number for every side, or one for each: ``3``, ``[1, 7]``, ``3x3x3``."""

    def __init__(self, minimum: int = 1) -> None:
        self.minimum = self.example = minimum
        self.expects = f"a whole number of at least {minimum}, or one for each side, as [height, width]"

    def __call__(self, value: Value) -> int | tuple[int, ...]:
        if is_whole(value):
            smallest = value
        elif isinstance(value, (list, tuple)) and 1 <= len(value) <= MAX_SIDES and all(map(is_whole, value)):
            value = tuple(value)
            smallest = min(value)
        else:
            raise self.refuse(value)
        if smallest < self.minimum:
            raise ValueProblem(f"expected {self.expects}, found {shown(value)}")
        return value  # type: ignore[no-any-return]

    def bind(self, value: Any, sides: int) -> Any:
        if isinstance(value, int):
            return (value,) * sides
        if len(value) != sides:
            raise self.unfit(value, sides, sides)
        return value

    def write(self, value: Any) -> Value:
        if isinstance(value, int):
            return value
        return value[0] if len(set(value)) == 1 else list(value)


class Shifts(Sizes):
    """A whole number of either sign for every side, or one for each: ``-3``, ``[0, 2]``."""

    example = 1

    def __init__(self) -> None:
        self.expects = "a whole number, or one for each side, as [height, width]"

    def __call__(self, value: Value) -> int | tuple[int, ...]:
        if is_whole(value):
            return value  # type: ignore[no-any-return]
        if isinstance(value, (list, tuple)) and 1 <= len(value) <= MAX_SIDES and all(map(is_whole, value)):
            return tuple(value)
        raise self.refuse(value)


class AnySizes(Sizes):
    """As :class:`Sizes`, for an output whose number of sides may differ from that of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.example = None  # the values that fit follow from the input

    def bind(self, value: Any, sides: int) -> Any:
        return value

    def sides_of(self, value: Any) -> int | None:
        return None

    def write(self, value: Any) -> Value:
        return list(value) if isinstance(value, tuple) else value


class Sides(PerSide):
    """The number of elements added at both ends of each side; negative numbers crop.

    It is written as one number for all, one for each side, or all beginnings, then all ends. Bound to a number of sides
    it is a tuple of all beginnings, then all ends.
    """

    expects = "a whole number, one for each side, or all beginnings, then all ends, as [top, left, bottom, right]"
    example = 1

    def __call__(self, value: Value) -> Any:
        if is_whole(value):
            return value
        if isinstance(value, (list, tuple)) and len(value) in END_COUNTS and all(map(is_whole, value)):
            return tuple(value)
        raise self.refuse(value)

    def bind(self, value: Any, sides: int) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, int):
            return (value,) * (2 * sides)
        if len(value) == sides:
            return value * 2
        if len(value) != 2 * sides:
            raise self.unfit(value, sides, sides, 2 * sides)
        return value

    def sides_of(self, value: Any) -> int | None:
        # two numbers are those of a plane, or the ends of a length
        return {1: 1, 4: 2, 3: 3, 6: 3}.get(len(value)) if isinstance(value, tuple) else None

    def write(self, value: Any) -> Value:
        if not isinstance(value, tuple):
            return value
        half = len(value) // 2
        if len(set(value)) == 1:
            return value[0]
        is_even = len(value) > 2 and len(value) % 2 == 0 and value[:half] == value[half:]
        return list(value[:half] if is_even else value)


class Pad(Sides):
    """The number of elements added around a volume, at least 0, or the word ``same``.

    It is written as in :class:`Sides`, or as ``same`` (TensorFlow's rule: output = ceil(size / stride), with the odd
    element at the end) or ``valid`` (0).
    """

    words = ("same", "valid")
    expects = "a whole number of at least 0, [height, width], [top, left, bottom, right], same or valid"

    def __call__(self, value: Value) -> Any:
        if isinstance(value, str) and value.lower() in self.words:
            return "same" if value.lower() == "same" else 0
        ends = super().__call__(value)
        if (ends if isinstance(ends, int) else min(ends)) < 0:
            raise ValueProblem(
                f"a pad must be 0 or more, found {shown(value)}; the layer PAD can crop", code="negative-pad"
            )
        return ends


class Corner(Sizes):
    """Where a part of a volume begins: ``centre``, ``begin``, or its first position, for every side or for each."""

    words = ("centre", "begin")

    def __init__(self) -> None:
        super().__init__(0)
        self.example = "centre"
        self.expects = "centre, begin, or the first position along each side, from 0, as [top, left]"

    def __call__(self, value: Value) -> Any:
        if isinstance(value, str) and value.lower() in self.words:
            return value.lower()
        return super().__call__(value)

    def bind(self, value: Any, sides: int) -> Any:
        return value if isinstance(value, str) else super().bind(value, sides)

    def write(self, value: Any) -> Value:
        return value if isinstance(value, str) else super().write(value)


class Factors(PerSide):
    """A number above 0 for every side, or one for each: ``1.5``, ``[2, 1]``."""

    needs_whole = False
    expects = "a number above 0, or one for each side"
    example = 2

    def __call__(self, value: Value) -> Any:
        each = Decimal(above=0)
        if isinstance(value, (list, tuple)) and 1 <= len(value) <= MAX_SIDES:
            return tuple([each(part) for part in value])
        return each(value)

    def bind(self, value: Any, sides: int) -> Any:
        if not isinstance(value, tuple):
            return (value,) * sides
        if len(value) != sides:
            raise self.unfit(value, sides, sides)
        return value

    def write(self, value: Any) -> Value:
        each = [Decimal().write(part) for part in (value if isinstance(value, tuple) else (value,))]
        return each[0] if len(set(each)) == 1 else each


class SideNames(PerSide):
    """Names of sides, or the depth: one name or a list, as ``depth`` or ``[height, width]``.

    The names are never variables. Bound to a number of sides they are in the order of the volume.
    """

    needs_whole = False
    holds_names = True
    words: tuple[str, ...] = ("length", "frames", "height", "width", "depth")
    expects = "a name of a side (length, height, width, frames, depth), or a list of such names"
    example: Value = "depth"

    def __call__(self, value: Value) -> tuple[str, ...]:
        parts = value if isinstance(value, (list, tuple)) else [value]
        if not parts:
            raise self.refuse(value)
        found = []
        for part in parts:
            if not isinstance(part, str) or part.lower() not in self.words:
                raise self.refuse(part if isinstance(part, str) else value)
            found.append(part.lower())
        twice = next((part for part in found if found.count(part) > 1), None)
        if twice is not None:
            raise ValueProblem(f"expected each side once, found {twice} twice")
        return tuple(found)

    def bind(self, value: Any, sides: int) -> Any:
        names = (*SIDES[sides], "depth")
        for part in value:
            if part not in names:
                message = f"there is no {part}: a volume of {plural(sides, 'side')} has {listed(names)}"
                raise ValueProblem(message, code="wrong-sides")
        return tuple([name for name in names if name in value])

    def sides_of(self, value: Any) -> int | None:
        if value is None:
            return None
        # height and width are those of a plane; a volume of three sides has them too
        known = ("length", 1), ("frames", 3), ("height", 2), ("width", 2)
        return next((sides for name, sides in known if name in value), None)

    def write(self, value: Any) -> Value:
        return value[0] if isinstance(value, tuple) and len(value) == 1 else list(value)


class Axes(SideNames):
    """The axes along which something is computed: ``depth``, the whole ``volume``, or names as ``[width, depth]``.

    All sides and the depth together are read as ``volume``.
    """

    words: tuple[str, ...] = ("volume", *SideNames.words)
    expects = "depth, volume, or a list of names of sides, as [width, depth]"

    def __call__(self, value: Value) -> Any:
        found = super().__call__(value)
        if "volume" in found and len(found) > 1:
            others = listed([name for name in found if name != "volume"])
            message = f"volume stands for all sides and the depth, so no other name may be beside it, found {others}"
            raise ValueProblem(message, hint="write volume, or a list of the names of sides without it")
        return found[0] if found in (("volume",), ("depth",)) else found

    def bind(self, value: Any, sides: int) -> Any:
        if isinstance(value, str):
            return value
        found = super().bind(value, sides)
        return "volume" if len(found) == sides + 1 else found

    def sides_of(self, value: Any) -> int | None:
        return None if isinstance(value, str) else super().sides_of(value)

    def write(self, value: Any) -> Value:
        return value if isinstance(value, str) else super().write(value)


class SideName(SideNames):
    """The name of one side, or ``depth``, as a tuple of one name."""

    expects = "a name of a side: length, height, width, frames or depth"

    def __call__(self, value: Value) -> tuple[str, ...]:
        if isinstance(value, (list, tuple)) and len(value) != 1:
            raise self.refuse(value)
        return super().__call__(value)


class SideOrder(SideNames):
    """Every side and the depth in a new order: ``[depth, height, width]``."""

    expects = "every side and the depth in a new order, as [width, height, depth]"
    example = None  # the names follow from the input

    def bind(self, value: Any, sides: int) -> Any:
        names = (*SIDES[sides], "depth")
        if sorted(super().bind(value, sides)) != sorted(names):
            raise ValueProblem(f"expected each of {listed(names)} once, found {listed(value)}", code="wrong-sides")
        return value

    def write(self, value: Any) -> Value:
        return list(value)
