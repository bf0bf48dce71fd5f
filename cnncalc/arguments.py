"""The arguments of the functions of the package: read and checked, with what is wrong about them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnncalc.errors import ValueProblem
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.language.settings import Settings
    from cnncalc.search.family import Family
    from cnncalc.search.ranges import Range


def settings_of(
    *,
    variables: Mapping[str, Any] | None = None,
    optional: bool | Sequence[bool] | None = None,
    input: Volume | Sequence[int] | Mapping[str, Volume | Sequence[int]] | None = None,
    filters: int | None = None,
    hidden: int | None = None,
    classes: int | None = None,
    phase: str = "test",
    partial: bool = False,
) -> Settings:
    """The options of :func:`load`, checked."""
    from cnncalc.language.settings import Settings

    if variables is not None and not hasattr(variables, "items"):
        raise ValueProblem(f"variables: expected names with values, found {variables!r:.60}", code="wrong-type")
    single, several = _input(input)
    return Settings(
        variables={name: _value(name, value) for name, value in (variables or {}).items()},
        optional=_choices(optional),
        input=single,
        filters=positive("filters", filters),
        hidden=positive("hidden", hidden),
        classes=positive("classes", classes),
        inputs=several,
        partial=partial,
        phase=_phase(phase),
    )


def target_of(given: Any) -> str:
    """The name, pattern or path of a design; raises ValueProblem for anything else."""
    if isinstance(given, os.PathLike):
        return os.fsdecode(given)
    if isinstance(given, str):
        return given
    found = type(given).__name__
    raise ValueProblem(f"expected a design: its name, pattern or path, found {found}", code="wrong-type")


def figure_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options of figures among the parameters of a function, checked."""
    from cnncalc.memory.options import read_reserve
    from cnncalc.memory.report import Options, check_options

    names = ("batch", "dtype", "profile", "optimizer", "autocast", "checkpoint", "image_batches", "reserve")
    chosen = {name: values[name] for name in names}
    for name in ("batch", "image_batches"):
        chosen[name] = positive(name, chosen[name])
    if isinstance(chosen["reserve"], str):
        chosen["reserve"] = read_reserve(chosen["reserve"])
    check_options(Options(**chosen), training=False)
    return chosen


def limits_of(max: Mapping[str, int | str] | None, min: Mapping[str, int | str] | None) -> list[tuple[str, str]]:
    """Upper and lower limits by their keys, as a call writes them."""
    both = (("max", max), ("min", min))
    return [(bound, f"{key}={limit}") for bound, limits in both for key, limit in items_of(limits)]


def items_of(given: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """The items of a mapping that may be missing."""
    if given is None:
        return []
    if not hasattr(given, "items"):
        raise ValueProblem(f"expected names with values, found {given!r:.60}", code="wrong-type")
    return list(given.items())


def ranges_of(family: Family, given: Mapping[str, str | Sequence[Any]]) -> list[Range]:
    """Ranges as texts or sequences, in the given order."""
    from cnncalc.search.ranges import MAX_LISTED, range_of_values

    texts = [f"{name}={values}" for name, values in given.items() if isinstance(values, str)]
    read = {each.name: each for each in family.ranges(texts, "ranges")}
    found = []
    for name, values in given.items():
        if isinstance(values, str):
            found.append(read[name.strip()])
        else:
            if not hasattr(values, "__len__") or len(values) > MAX_LISTED:
                message = f"{name}: expected a text such as '8..64', or at most {MAX_LISTED:,} values"
                raise ValueProblem(f"{message}, found {values!r:.60}", code="wrong-type")
            several: Sequence[Any] = values
            kept: list[Any] = [volume_of(value) if name == "input" else _value(name, value) for value in several]
            found.append(range_of_values(name, kept))
    return found


def texts_of(name: str, value: Any, what: str = "names") -> tuple[str, ...]:
    """A sequence of texts; raises ValueProblem for anything else, also for one text."""
    found = () if isinstance(value, str) or not hasattr(value, "__iter__") else tuple(value)
    if isinstance(value, str) or not hasattr(value, "__iter__") or not all(isinstance(each, str) for each in found):
        raise ValueProblem(f"{name}: expected a list of {what}, found {value!r:.60}", code="wrong-type")
    return found


_WORDS = {"int": "a whole number", "str": "a text", "bool": "True or False", "None": "None"}
"""Types of parameters in words."""


def check_types(function: Any, values: Mapping[str, Any]) -> None:
    """Raises ValueProblem for a value that is not of the type of its parameter; True and False are no numbers."""
    for name, annotation in function.__annotations__.items():
        types = annotation.split(" | ")
        if name not in values or not set(types) <= _WORDS.keys():
            continue
        value = values[name]
        if ("None" if value is None else type(value).__name__) not in types:
            expected = " or ".join([_WORDS[each] for each in types])
            raise ValueProblem(f"{name}: expected {expected}, found {value!r:.60}", code="wrong-type")


def check_word(name: str, value: str, known: Sequence[str]) -> None:
    """Raises ValueProblem for an unknown word, with the nearest known one."""
    if value not in known:
        from cnncalc.errors import did_you_mean
        from cnncalc.units import listed

        near = did_you_mean(value, known)
        raise ValueProblem(f"{name}: expected {listed(known, 'or')}, found {value!r:.60}{near}")


def positive(name: str, value: int | None, least: int = 1) -> int | None:
    """A whole number of at least ``least``, or None; raises ValueProblem for anything else."""
    if value is None:
        return None
    from cnncalc.layers.keys import Whole

    try:
        return Whole(least)(value)
    except ValueProblem as problem:
        raise ValueProblem(f"{name}: {problem.message}", code=problem.code) from None


def volume_of(size: Volume | Sequence[int] | None) -> Volume | None:
    """The volume of that size, or None; raises ValueProblem for anything else."""
    if size is None:
        return None
    from cnncalc.layers.keys import VolumeSize

    try:
        return Volume(*VolumeSize()(size))
    except ValueProblem as problem:
        raise ValueProblem(f"input: {problem.message}", code=problem.code) from None


def _input(
    given: Volume | Sequence[int] | Mapping[str, Volume | Sequence[int]] | None,
) -> tuple[Volume | None, dict[str, Volume]]:
    """The volume of the only input, and the volumes of several inputs by name."""
    if not isinstance(given, Mapping):
        return volume_of(given), {}
    volumes = {name: volume_of(size) for name, size in given.items()}
    return None, {name: volume for name, volume in volumes.items() if volume is not None}


def _phase(phase: str) -> str:
    if phase not in ("test", "train"):
        raise ValueProblem(f"phase: expected test or train, found {phase!r:.60}", code="wrong-value")
    return phase


def _choices(optional: bool | Sequence[bool] | None) -> bool | tuple[bool, ...] | None:
    if optional is None or isinstance(optional, bool):
        return optional
    if isinstance(optional, (list, tuple)) and all(isinstance(choice, bool) for choice in optional):
        return tuple(optional)
    raise ValueProblem("optional: expected True, False or a list of them, one for each occurrence", code="wrong-type")


def _value(name: str, value: Any) -> Any:
    """A variable as a value of the language: a whole number, a decimal, a fraction, a word, or a list of them."""
    from cnncalc.language.expression import exact
    from cnncalc.layers.keys import DecimalNumber, is_fraction

    if isinstance(value, (list, tuple)):
        return [_value(name, part) for part in value]
    if isinstance(value, (bool, str)) or is_fraction(value):
        return value
    if hasattr(value, "__index__"):
        return int(value)
    try:
        if value - value == 0:  # a float or a decimal.Decimal, but not infinite
            return exact(DecimalNumber(str(value)))
    except (TypeError, ValueError):
        pass
    message = f"variables: {name} is a number, a word or a list of them, found {value!r:.60}"
    raise ValueProblem(message, code="wrong-type")
