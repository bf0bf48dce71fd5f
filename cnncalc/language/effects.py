"""What the options change in a design, and which of them have no effect.

The options are those of a command (``--set w=2``) or of a function of the package (``variables={"w": 2}``), in
:class:`~cnncalc.language.settings.Settings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, ValueProblem, did_you_mean, no_effect
from cnncalc.language.expression import VOLUME_NAMES, same_value
from cnncalc.language.plan import KEY_WORDS
from cnncalc.language.values import Environment, names_of, value_of
from cnncalc.layers.keys import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from cnncalc.errors import Problem
    from cnncalc.language.settings import Settings
    from cnncalc.language.syntax import Design
    from cnncalc.layers.keys import Value
    from cnncalc.volume import Volume

SIZES = {
    "filters": "the filters of a CONV without a number",
    "hidden": "the units of a hidden FC without a number",
    "classes": "the units of a last FC without a number",
}
"""What the option of each size sets, apart from the variable of that name."""

MAX_SHOWN = 100
"""Characters of a changed value that are shown."""


def all_read(design: Design, used: Iterable[str], given: Collection[str]) -> set[str]:
    """The names that a design reads: those in ``used``, and those that the values of variables with such a name use.

    ``used`` are the names that its layers use; ``given`` are the variables that the options set. The file's value of
    such a variable is not read.
    """
    read = set(used)
    for name, default in list(design.variables.items())[::-1]:  # a variable uses earlier ones only
        if name in read and name not in given and default is not None:
            read |= names_of(default.value)
    return read


def unread_variables(design: Design, settings: Settings, read: set[str]) -> list[Problem]:
    """A warning for each variable of the options that is not in ``read``, the names that the design reads."""
    problems = []
    for name, value in settings.variables.items():
        if name in settings.sizes:
            why = f"--{name} {settings.sizes[name]} sets the variable '{name}' too"
        elif name in read:
            continue
        elif name in design.variables:
            why = f"nothing reads the variable '{name}'"
        else:
            known = sorted((read - {*VOLUME_NAMES, *KEY_WORDS}) | set(design.variables))
            listed = f" (it has {', '.join(known[:12])})" if known else "; it has none"
            why = f"the design has no variable '{name}'{did_you_mean(name, known)}{listed}"
        problems.append(no_effect(f"--set {name}={_text(value)}", why, about=name))
    return problems


def unread_sizes(settings: Settings, read: set[str], sizes: Collection[str], optional_items: int) -> list[Problem]:
    """A warning for each size, and for ``optional``, that sets nothing.

    ``sizes`` are those that a layer takes; ``optional_items`` is the number of items with a bare '?'.
    """
    problems = []
    for name, size in settings.sizes.items():
        if name not in read and name not in sizes:
            what = f"{SIZES[name]} or a variable '{name}', and the design has neither"
            problems.append(no_effect(f"--{name} {size}", f"it would set {what}", about=name))
    if isinstance(settings.optional, bool) and not optional_items:
        option = f"--optional {'keep' if settings.optional else 'drop'}"
        why = "it would decide about items marked '?' without a condition, and the design has none"
        problems.append(no_effect(option, why))
    return problems


def unread_inputs(settings: Settings, inputs: Sequence[str], taken: Collection[str]) -> list[Problem]:
    """A warning for each volume in ``settings.inputs`` that no input takes.

    ``inputs`` are the names of the net's inputs; ``taken`` holds ``input NAME`` for each volume that an input took.
    """
    problems = []
    for name, volume in settings.inputs.items():
        if f"input {name}" not in taken:
            listed = ", ".join(inputs[:12])
            why = f"the net has no input '{name}'{did_you_mean(name, inputs)} (its inputs: {listed})"
            problems.append(no_effect(f"--input {name}={volume.size}", why))
    return problems


def unread_by_designs(settings: Settings) -> list[Problem]:
    """A warning for each option that is for model files of other programs, where a design is read."""
    why = "it is for model files of other programs"
    given = {"--partial": settings.partial, "--phase train": settings.phase != "test"}
    return [no_effect(option, why) for option, is_given in given.items() if is_given]


def unread_by_model_files(settings: Settings) -> list[Problem]:
    """A warning for each option that is for designs, where a model file of another program is read."""
    why = "a model file of another program states all sizes, and has no variables and no optional layers"
    given = {name: f"--set {name}={_text(value)}" for name, value in settings.variables.items()}
    problems = [no_effect(option, why, about=name) for name, option in given.items()]
    problems += [no_effect(f"--{name} {size}", why, about=name) for name, size in settings.sizes.items()]
    return [*problems, *([no_effect("--optional", why)] if settings.optional is not None else [])]


def changes(
    design: Design,
    settings: Settings,
    values: Mapping[str, Value],
    read: set[str],
    new_input: Volume | None,
    dropped: bool,
) -> dict[str, str]:
    """What the options change in a design that has a title, a source or variables: each name with its new value.

    A value that equals the file's is no change, nor is a value for a variable that the file leaves without one.
    ``values`` are the values of all variables, ``read`` the names that the design reads; ``new_input``: the volume with
    which an option replaces the stated input; ``dropped``: an option drops an optional item.
    """
    changed: dict[str, str] = {}
    for name in {**settings.variables, **settings.sizes}:
        default = design.variables.get(name)
        if default is None or name not in read:
            continue
        try:
            before: Any = value_of(default.value, Environment(dict(values)), None, ())
        except (DesignError, ValueProblem):  # a value that an option replaces need not be valid
            before = None
        if not same_value(before, values[name]):
            changed[name] = _text(values[name])
    if (design.title or design.source or design.variables) and new_input is not None:
        changed["input"] = new_input.size
    if (design.title or design.source or design.variables) and dropped:
        changed["optional"] = "drop"
    return changed


def _text(value: Value) -> str:
    text = value if isinstance(value, str) else shown(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
