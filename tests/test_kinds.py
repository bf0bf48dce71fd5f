"""A kind is one class: its traits agree with its run, and no other module lists kinds."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import combinations, product
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.checks.rules import run_rules
from cnncalc.drawings import DRAWINGS, draw
from cnncalc.errors import DesignError, ShapeError, ValueProblem
from cnncalc.graph import chain
from cnncalc.interop.conventions import counted
from cnncalc.interop.exporters import export
from cnncalc.language.writer import as_pattern, as_yaml
from cnncalc.layers import KINDS, Layer
from cnncalc.layers.traits import Traits
from cnncalc.memory.arena import plan
from cnncalc.memory.profiles import PROFILES
from cnncalc.run.verify import verify
from cnncalc.run.verify_training import verify_training
from cnncalc.run.weights import RANGES
from cnncalc.volume import Volume
from tests.factor import CASES as FACTOR_CASES
from tests.factor import Factor
from tests.layer_cases import CASES, Case
from tests.subcases import each
from tests.test_layers import POSITIVE, entering, parameters

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = Path(cnncalc.__file__).resolve().parent

# No lists of kinds outside of the classes

WORDS = {
    *(
        "add",
        "affine",
        "concat",
        "identity",
        "in",
        "input",
        "linear",
        "maximum",
        "minimum",
        "pad",
        "pool",
        "reshape",
        "scale",
    ),
    *("slice", "sqrt", "sub", "plane", "position", "sequence", "token", "window"),
}
"""Kinds whose names have other meanings too, such as keys of layers: such a literal alone does not name a kind.

The names of parameter arrays, in :data:`cnncalc.run.weights.RANGES`, are such words too.
"""


def kind_literals(text: str) -> list[str]:
    """Places where a module depends on the name of a kind: ``line: name``.

    These are all literals that can only be a kind. A name with other meanings counts if it is compared with a ``kind``,
    used to look up a kind, or in a collection with another kind.
    """
    found: set[tuple[int, str]] = set()
    if not re.search(f"['\"]({'|'.join(KINDS)})['\"]", text):
        return []
    tree = ast.parse(text)

    def literals(*nodes: ast.AST | None) -> list[ast.Constant]:
        inner = [part for node in nodes if node is not None for part in ast.walk(node)]
        return [part for part in inner if isinstance(part, ast.Constant) and part.value in KINDS]

    def names_a_kind(node: ast.expr) -> bool:
        return getattr(node, "attr", getattr(node, "id", "")).lower() in ("kind", "kinds")

    for node in ast.walk(tree):
        wrong: list[ast.Constant] = []
        if isinstance(node, ast.Constant):
            wrong = [one for one in literals(node) if one.value not in WORDS | set(RANGES)]
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            wrong = literals(*sides) if any(names_a_kind(side) for side in sides) else []
        elif isinstance(node, ast.Subscript):
            wrong = literals(node.slice) if names_a_kind(node.value) else []
        elif isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute) and names_a_kind(function.value):
                wrong = literals(*node.args)
        elif isinstance(node, ast.Match):
            wrong = literals(*[case.pattern for case in node.cases]) if names_a_kind(node.subject) else []
        elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            wrong = literals(*[item for item in node.elts if isinstance(item, ast.Constant)])
            wrong = wrong if len(wrong) > 1 else []
        elif isinstance(node, ast.Dict):
            keys = [key for key in node.keys if isinstance(key, ast.Constant)]
            is_of_arrays = {key.value for key in keys} <= set(RANGES)
            wrong = literals(*keys) if not is_of_arrays else []
            wrong = wrong if len(wrong) > 1 else []
        found |= {(one.lineno, str(one.value)) for one in wrong}
    return [f"{line}: {name}" for line, name in sorted(found)]


COUNTERS = ("conventions", "counting", "onnx_counter", "onnx_shapes", "torch_counters")
MODULES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent.name not in ("layers", "interop") or (path.parent.name == "interop" and path.stem in COUNTERS)
]
"""All but those of the layers, and of the importers and exporters, which translate the names of kinds."""


@each("path", MODULES)
def test_no_module_outside_of_the_layers_names_a_kind(path: Path) -> None:
    assert kind_literals(path.read_text(encoding="utf-8")) == [], (
        "layers are told apart by traits of their classes, not by the names of kinds; if one of these is a word of "
        "something else, such as a key, add it to WORDS in tests/test_kinds.py"
    )


@pytest.mark.parametrize(
    "text",
    [
        'is_large = row.kind == "conv"',
        'if layer.kind in ("pool", "gmp"): pass',
        'if node.kind != "input": pass',
        'if "add" == spec.kind.kind: pass',
        'VIEWS = frozenset(("flatten", "identity"))',
        'ORDERED = ["slice", "pad"]',
        'WHY = {"add": 1, "in": 2}',
        'relu = KINDS["relu"]()',
        'kind = KINDS.get("input")',
        'match row.kind:\n    case "add" | "concat":\n        pass',
        'def f(kind="bn"): pass',
    ],
)
def test_a_literal_that_names_a_kind_is_found(text: str) -> None:
    assert kind_literals(text)


@pytest.mark.parametrize(
    "text",
    [
        '"""Rules for conv and fc."""',
        'keys = {"pad": pad, "kernel": 3}',
        'if key in ("input", "output"): pass',
        "kind = KINDS[name]",
    ],
)
def test_a_literal_that_names_no_kind_is_not_found(text: str) -> None:
    assert kind_literals(text) == []


def test_a_kind_may_have_the_name_of_a_parameter_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "bias", Factor)

    assert kind_literals('RANGES = {"bias": 1, "scale": 2}\nname = "bias"') == []
    assert kind_literals('if row.kind == "bias": pass') == ["1: bias"]


# Traits compared with the run


class Run:
    """The run of a case at test time on random arrays."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.layer = case.layer
        self.numbers = parameters(case)
        self.inputs = entering(case)
        self.output = self.of(*self.inputs)

    def of(self, *inputs: Any) -> Any:
        with np.errstate(invalid="ignore"):  # 0/0
            return self.layer.forward(np, *inputs, **self.numbers)

    def in_training(self, *inputs: Any) -> Any:
        own = {name: array.copy() for name, array in self.numbers.items()}  # running statistics change
        result, _ = self.layer.forward_training(np, *inputs, random=np.random.default_rng(5), **own)
        return result


@cache
def run_of(case: str) -> Run:
    return Run(CASE_OF[case])


CASE_OF = {str(case): case for case in CASES}


def is_close(one: Any, other: Any) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-9, atol=1e-9))


def values_of(run: Run) -> list[Any]:
    """The inputs whose values are read, not only their sizes or the indices of a pool."""
    layer = run.layer
    return run.inputs[:1] if layer.takes_places or layer.reads_second_sizes else run.inputs


def is_linear(run: Run) -> bool:
    """f(x + y) = f(x) + f(y) - f(0)."""
    inputs = values_of(run)
    rest = run.inputs[len(inputs) :]
    other = [np.flip(x, axis=(1, -1)) for x in inputs]
    both = run.of(*[x + y for x, y in zip(inputs, other, strict=True)], *rest)
    zero = run.of(*[0 * x for x in inputs], *rest)
    return is_close(both, run.output + run.of(*other, *rest) - zero)


def changed(run: Run, place: tuple[Any, ...]) -> Any:
    """The elements of the output that depend on one position of the first input."""
    first = run.inputs[0].copy()
    first[place] += 1
    return np.abs(run.of(first, *run.inputs[1:]) - run.output) > 1e-9


def is_activation(run: Run) -> bool:
    """One input, not linear, and each output element depends on one input element."""
    if len(run.inputs) > 1 or run.output.shape != run.inputs[0].shape or is_linear(run):
        return False
    place = (0, *[(4 + side) % size for side, size in enumerate(run.output.shape[1:-1])], 3)
    elsewhere = changed(run, place)
    elsewhere[place] = False
    return not elsewhere.any()


def is_rectifier(run: Run) -> bool:
    """An activation function that gives about 5 for 5."""
    return is_activation(run) and bool(np.abs(run.of(0 * run.inputs[0] + 5) - 5).max() < 0.05)


def is_depthwise(run: Run) -> bool:
    """Multiplies and adds, and each channel of the output depends on one channel of the input."""
    depth = run.inputs[0].shape[-1]
    touched = changed(run, (..., 0)).any(axis=tuple(range(run.output.ndim - 1))).sum()
    return run.layer.counts_macs and depth > 1 and touched * depth == run.output.shape[-1]


def adds_up_to_one(run: Run) -> bool:
    """Whether the elements add up to 1 over some axes of each image."""
    axes = range(1, run.output.ndim)
    chosen = [over for count in axes for over in combinations(axes, count)]
    return any(np.allclose(run.output.sum(axis=over), 1, rtol=1e-9, atol=1e-9) for over in chosen)


def images_mix(run: Run) -> bool:
    alone = [run.of(*[x[image : image + 1] for x in run.inputs]) for image in (0, 1)]
    return not is_close(np.concatenate(alone), run.output)


def is_normalization(run: Run) -> bool:
    """Without a learned scale and shift, the numbers in training have mean 0 and variance 1."""
    try:
        bare = Run(run.case._replace(keys={**run.case.keys, "scale": "no", "shift": "no"}))
    except ValueProblem:
        return False
    result = bare.in_training(*bare.inputs)
    return bool(abs(result.mean()) < 1e-6 and abs(result.var() - 1) < 0.01)


def centres_channels(run: Run) -> bool:
    """A constant added to each channel of the input changes nothing in training."""
    values = values_of(run)
    moved = [*[x + np.linspace(1, 2, x.shape[-1]) for x in values], *run.inputs[len(values) :]]
    return is_close(run.in_training(*moved), run.in_training(*run.inputs))


def normalizes_batch(run: Run) -> bool:
    """A normalization whose output in training depends on the other images of the batch."""
    return is_normalization(run) and not is_close(
        run.in_training(*[x[:1] for x in run.inputs]), run.in_training(*run.inputs)[:1]
    )


def folds_into_weights(run: Run) -> bool:
    """A linear function of each element by itself, with learned numbers that are the same at each position of a map.

    A convolution has one bias for each channel, so a number for each element cannot be folded into its parameters.
    """
    if run.output.shape != run.inputs[0].shape or not is_linear(run) or not run.layer.learns:
        return False
    place = (*(0,) * (run.output.ndim - 1), 3)
    touched = changed(run, place)
    shift = run.of(0 * run.inputs[0])
    factor = run.of(0 * run.inputs[0] + 1) - shift
    first = (slice(1),) * (run.output.ndim - 1)
    is_same = all(is_close(numbers, 0 * numbers + numbers[first]) for numbers in (factor, shift))
    return bool(touched[place]) and touched.sum() == 1 and is_same


def commutes(run: Run) -> bool:
    """Whether swapping the inputs does not change the output."""
    if len(run.inputs) < 2 or run.layer.second_input is not None:
        return False
    try:
        return is_close(run.of(*run.inputs[::-1]), run.output)
    except ValueError:  # they do not fit in that order
        return False


TRAITS: dict[str, Callable[[Run], bool]] = {
    "is_input": lambda run: not run.case.inputs,
    "is_merge": lambda run: len(run.inputs) > 1 and run.layer.second_input is None,
    "is_commutative": commutes,
    "is_view": lambda run: np.shares_memory(run.in_training(*run.inputs), run.inputs[0]),
    "is_view_at_test_time": lambda run: np.shares_memory(run.output, run.inputs[0]),
    "is_identity_at_test_time": lambda run: np.array_equal(run.output, run.inputs[0]),
    "picks_values": lambda run: bool(np.isin(run.output, np.concatenate([x.ravel() for x in values_of(run)])).all()),
    "is_linear": is_linear,
    "is_activation": is_activation,
    "is_rectifier": is_rectifier,
    "is_idempotent": lambda run: is_activation(run) and is_close(run.of(run.output), run.output),
    "cuts_to_range": lambda run: (
        is_activation(run) and np.array_equal(run.output, np.clip(run.inputs[0], *run.layer.output_range))
    ),
    "is_normalization": is_normalization,
    "centres_channels": centres_channels,
    "normalizes_batch": normalizes_batch,
    "gives_probabilities": lambda run: is_close(run.output.sum(axis=-1), np.ones(run.output.shape[:-1])),
    "divides_by_sum": adds_up_to_one,
    "mixes_images": images_mix,
    "counts_macs": lambda run: int(run.layer.macs(run.case.inputs, run.layer.output(*run.case.inputs))) > 0,
    "learns": lambda run: any(
        case.layer.parameters(*case.inputs) for case in [*CASES, *FACTOR_CASES] if case.kind == run.case.kind
    ),
    "is_depthwise": is_depthwise,
    "folds_into_weights": folds_into_weights,
}
"""For each trait, how the run of a layer shows it."""


OF_VALUES = ("is_linear", "centres_channels", "picks_values")
"""Traits that depend on the values, which are unknown for stated layers."""

OTHERS = {
    *("depth_key", "output_range", "drawn", "sliding_kernel", "thin_depth", "thin_keys", "why_input", "why_byproducts"),
    *("second_input", "needs_second_input", "reads_second_sizes", "takes_places", "tells_inputs_apart"),
    *("keeps_output", "keeps_output_in_place", "is_flat", "memory_order", "autocast", "in_notes_table", "weight_use"),
    *(
        "counts_as_layer",
        "is_stated",
        "makes_windows",
        "takes_windows",
        "works_by_map",
        "picks_least",
        "tied_to",
        "gradient_follows",
        "tied_as_view",
        "untied",
    ),
}
"""Traits with tests of their own, here, in the tests of `explain` or, where they describe PyTorch or the course notes,
in the tests of memory."""

WRITTEN = {
    "kind",
    "other_names",
    "related_names",
    "family",
    "example",
    "first",
    "dash",
    "slash",
    "bare",
    "further_bare",
    "keys",
    "sizes",
    "replaces",
    "memory",
    "kept",
    "active_range",
    "per_side",
    "side_count",
}
"""How a kind is written, and what it declares about memory."""

MEMBERS = {**vars(Layer), **vars(Traits)}
"""All that the base class of kinds defines, by name."""


def test_every_trait_has_a_test() -> None:
    values = {name for name, value in MEMBERS.items() if name[0] != "_" and not callable(value)}
    values -= {name for name, value in MEMBERS.items() if isinstance(value, classmethod)}

    assert values - WRITTEN == (set(TRAITS) | OTHERS) - {"is_depthwise"}


def trait(name: str, layer: Layer, inputs: tuple[Any, ...]) -> bool:
    value = getattr(layer, name)
    return bool(value(inputs[0]) if callable(value) else value)


@pytest.mark.slow
@each("kind,name", list(product(KINDS, TRAITS)), by=lambda case: case[0])
def test_the_run_of_a_kind_agrees_with_its_traits(kind: str, name: str) -> None:
    """The run shows the trait for each case that declares it, and not for at least one case that does not."""
    if KINDS[kind].is_input and name != "is_input":
        assert not trait(name, KINDS[kind](), (Volume(9, 11, 6),))
        return
    cases = [case for case in CASES if case.kind == kind and not (case.layer.is_stated and name in OF_VALUES)]
    having = [case for case in cases if trait(name, case.layer, case.inputs)]
    lacking = [case for case in cases if case not in having]

    wrong = [str(case) for case in having if not TRAITS[name](run_of(str(case)))]
    assert wrong == [], f"{kind}: these cases have {name}, but their run does not show it"
    if lacking:
        shown = all(TRAITS[name](run_of(str(case))) for case in lacking)
        assert not shown, f"{kind} lacks {name}: at least one case without the trait must not show it, but all do"


@pytest.mark.parametrize("kind", [kind for kind, cls in KINDS.items() if cls.works_by_map])
def test_a_kind_that_works_by_map_gives_each_map_from_that_map_alone(kind: str) -> None:
    for case in [case for case in CASES if case.kind == kind]:
        run = run_of(str(case))
        alone = [run.of(run.inputs[0][..., depth : depth + 1]) for depth in range(run.inputs[0].shape[-1])]

        assert np.array_equal(run.output, np.concatenate(alone, axis=-1)), case


def test_a_wrong_trait_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS["relu"], "is_linear", True, raising=False)
    monkeypatch.setattr(KINDS["conv"], "is_linear", False)

    for kind in ("relu", "conv"):
        with pytest.raises(AssertionError):
            test_the_run_of_a_kind_agrees_with_its_traits.__wrapped__(kind, "is_linear")


class Uneven(Factor):
    """A FACTOR that adds a different number in each row."""

    def forward(self, xp: Any, x: Any, *, factor: Any) -> Any:
        return super().forward(xp, x, factor=factor) + xp.arange(x.shape[1])[:, None, None]


def test_a_number_for_each_element_does_not_fold_into_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "factor", Factor)
    assert folds_into_weights(Run(FACTOR_CASES[0]))

    monkeypatch.setitem(KINDS, "factor", Uneven)
    assert not folds_into_weights(Run(FACTOR_CASES[0]))


DECLARED = [
    name
    for name, value in MEMBERS.items()
    if not name.startswith("_") and isinstance(value, (bool, int, str, tuple, dict, property, type(None)))
]
"""Every trait that :class:`Layer` declares with a default, and those that depend on keys."""
TRAITS_FILE = Path(__file__).resolve().parent / "golden" / "kinds" / "traits.txt"


def test_the_traits_of_every_kind_are_reviewed(regenerate: bool) -> None:
    """Traits that differ from their defaults are in a golden file, so each change is visible."""
    lines = []
    for kind, cls in KINDS.items():
        layer = next(case.layer for case in CASES if case.kind == kind)
        plain = {name: getattr(Layer, name) for name in DECLARED}
        values = {name: getattr(layer, name) for name in DECLARED if name != "keys"}
        told = [
            name if value is True else f"{name}={value!r}"
            for name, value in values.items()
            if value != (getattr(Layer(), name) if isinstance(plain[name], property) else plain[name])
        ]
        lines.append("\n    ".join([f"{kind} ({cls.__name__}):", *told]) + "\n")
    text = "".join(lines)

    if regenerate:
        TRAITS_FILE.write_text(text, encoding="utf-8", newline="\n")
    assert text == TRAITS_FILE.read_text(encoding="utf-8")


every_kind = each("kind", KINDS)


def cases_of(kind: str) -> list[Case]:
    return [case for case in CASES if case.kind == kind]


@every_kind
def test_outputs_lie_in_the_range_that_the_layer_declares(kind: str) -> None:
    for case in cases_of(kind):
        low, high = case.layer.output_range
        assert low <= run_of(str(case)).output.min() <= run_of(str(case)).output.max() <= high, str(case)


@every_kind
def test_a_layer_without_negative_outputs_declares_it(kind: str) -> None:
    """All inputs negative, or all positive; merges are left out, since a product of two negative inputs is positive."""
    promises, is_negative = [], []
    for case in cases_of(kind) if not (KINDS[kind].is_merge or KINDS[kind].is_stated) else []:
        signs = (1,) if kind in POSITIVE else (-1, 1)
        inputs = [[x if x.dtype.kind == "u" else sign * abs(x) for x in entering(case)] for sign in signs]
        promises.append(case.layer.output_range[0] >= 0)
        is_negative.append(any(case.layer.forward(np, *x, **parameters(case)).min() < 0 for x in inputs))

    assert not any(promised and negative for promised, negative in zip(promises, is_negative, strict=True))
    assert all(promises) or not promises or any(is_negative)


@every_kind
def test_a_layer_without_effect_gives_its_input(kind: str) -> None:
    for case in cases_of(kind):
        if len(case.inputs) == 1 and case.layer.no_effect(case.inputs[0]) is not None:
            assert np.array_equal(run_of(str(case)).output, run_of(str(case)).inputs[0]), str(case)


def test_the_words_for_layers_without_effect() -> None:
    x = Volume(9, 11, 6)
    words = {
        ("pool", "kernel", 1): "each window is a single pixel",
        ("upsample", "factor", 1): "its factor is 1",
        ("pad", "pad", 0): "its pad is 0",
        ("dropout", "rate", 0): "its rate is 0",
        ("slice", "from", 0): "all 6 channels are taken",
    }

    assert {key: KINDS[key[0]](**{key[1]: key[2]}).on(2).no_effect(x) for key in words} == words
    assert KINDS["gap"]().no_effect(Volume(1, 1, 6)) == "[1x1x6] is a single pixel already"
    assert KINDS["gap"]().no_effect(x) is None


@every_kind
def test_a_thin_layer_does_not_change_the_receptive_field(kind: str) -> None:
    for case in cases_of(kind):
        layer, inputs = case.layer.thin(*case.inputs)

        assert case.layer.thin_depth is None or all(x.depth == case.layer.thin_depth for x in inputs)
        assert layer.output(*inputs)[:-1] == case.layer.output(*case.inputs)[:-1], str(case)
        thin, whole = layer.stencils(*inputs), case.layer.stencils(*case.inputs)
        assert (thin is None) == (whole is None), str(case)
        for one, other, size in zip(thin or (), whole or (), case.layer.output(*case.inputs), strict=False):
            assert (one is None) == (other is None), str(case)
            if one is not None and other is not None:
                assert one.nominal == other.nominal, str(case)
                assert list(map(one.window, range(size))) == list(map(other.window, range(size))), str(case)


@every_kind
def test_random_weights_have_a_range(kind: str) -> None:
    for case in cases_of(kind):
        for array in case.layer.parameters(*case.inputs):
            low, high = case.layer.weight_range(array.shape)
            assert -inf < low < high < inf


@pytest.mark.parametrize(
    ("kind", "keys", "products"),
    [
        ("conv", {"filters": 7}, 3 * 3 * 6),
        ("conv", {"filters": 9, "groups": 3}, 3 * 3 * 2),
        ("conv", {"filters": 2, "connections": [[0, 1], [1, 2, 3, 4]]}, 3 * 3 * 3),  # 2 and 4 maps, 3 on average
        ("dwconv", {"multiplier": 2}, 3 * 3),
        ("deconv", {"filters": 7, "kernel": 4, "stride": 2}, 2 * 2 * 6),
        ("deconv", {"filters": 9, "kernel": 4, "stride": 2, "groups": 3}, 2 * 2 * 2),
        ("fc", {"units": 7}, 9 * 11 * 6),
    ],
)
def test_fan_in_is_the_number_of_products_that_one_output_adds_up(
    kind: str, keys: dict[str, Any], products: int
) -> None:
    layer = KINDS[kind](**keys).on(2)
    weight = layer.parameters(Volume(9, 11, 6))[0]

    assert layer.fan_in(weight.shape) == products
    assert layer.weight_range(weight.shape) == (-((6 / products) ** 0.5), (6 / products) ** 0.5)


@every_kind
def test_the_depth_key_sets_the_depth_of_the_output(kind: str) -> None:
    name = KINDS[kind].depth_key
    if name is not None:
        for case in cases_of(kind):
            if "connections" not in case.keys:
                depth = 2 * case.layer.output(*case.inputs).depth
                assert case.layer.with_keys(**{name: depth}).output(*case.inputs).depth == depth


@every_kind
def test_a_layer_drawn_with_the_one_before_has_as_many_elements(kind: str) -> None:
    assert KINDS[kind].drawn in ("block", "joined", "arrow")
    if KINDS[kind].drawn == "joined":
        assert all(case.layer.output(*case.inputs).elements == case.inputs[0].elements for case in cases_of(kind))


@every_kind
def test_reasons_are_phrases(kind: str) -> None:
    for words in (KINDS[kind].why_input, KINDS[kind].why_byproducts):
        assert words.strip(" .") == words != ""


# Design rules on every kind

X = Volume(9, 11, 6)
FIRST = {
    case.kind: case
    for case in reversed(CASES)
    if case.inputs in ((X,), (X, X)) and not KINDS[case.kind].needs_second_input
    if len(case.layer.output(*case.inputs)) == 3 and not case.layer.is_stated
}
"""For each kind, its first case without special keys whose input and output are planes."""
each_kind = each("kind", [*FIRST, "concat"])


def layer(kind: str, **keys: Any) -> Layer:
    return KINDS[kind](**keys).on(2)


def plain(kind: str) -> Layer:
    return FIRST[kind].layer if kind in FIRST else layer(kind)


def found_by(code: str, *layers: Layer) -> set[int]:
    """The indices of the layers at which a rule finds something in a chain; a merge reads the layer before it twice."""
    named: list[Any] = []
    for number, one in enumerate(layers):
        if one.is_merge:
            named += [(f"{number}-copy", layer("identity")), (str(number), one, [str(number - 1), f"{number}-copy"])]
        else:
            named.append((str(number), one))
    findings = run_rules(account(chain("net", named)), file="net.yaml")
    return {int(finding.layer or "") for finding in findings if finding.code == code}


def shows(kind: str, what: Callable[[Run], bool]) -> bool:
    """Whether the run of a kind with one input shows a trait."""
    return kind in FIRST and len(FIRST[kind].inputs) == 1 and what(run_of(str(FIRST[kind])))


def sees_one_pixel(run: Run) -> bool:
    """A change of one pixel changes only that pixel."""
    if run.output.shape[1:3] != run.inputs[0].shape[1:3]:
        return False
    seen = changed(run, (0, 4, 5)).any(axis=3)
    seen[0, 4, 5] = False
    return not seen.any()


def sees_whole_plane(run: Run) -> bool:
    return bool(run.output.shape[1:3] == (1, 1))


def has_no_negative(run: Run) -> bool:
    return bool((run.of(*[abs(x) for x in run.inputs]) >= 0).all())


@each_kind
def test_linear_after_linear_sees_through_every_linear_kind(kind: str) -> None:
    """CONV -> KIND -> CONV, except for merges, which have another input."""
    found = found_by(
        "linear-after-linear",
        *(layer("input", size=[9, 11, 3]), layer("conv", filters=6), plain(kind)),
        *(layer("conv", filters=7), layer("relu"), layer("gap"), layer("fc", units=10)),
    )

    if not plain(kind).counts_macs:
        assert found == ({3} if shows(kind, is_linear) else set())


@each_kind
def test_large_pool_finds_nothing_if_only_layers_that_see_one_pixel_precede_the_classifier(kind: str) -> None:
    """POOL4 -> KIND -> FC; KIND may also be a normalization, a view or a layer that sees the whole plane."""
    net = (layer("input", size=[36, 44, 6]), layer("pool", kernel=4), plain(kind), layer("fc", units=10))

    is_silent = shows(kind, sees_one_pixel) or shows(kind, sees_whole_plane) or shows(kind, is_normalization)
    assert found_by("large-pool", *net) == (set() if is_silent or plain(kind).is_view else {1})


@each_kind
def test_many_fc_counts_across_the_layers_between_hidden_layers(kind: str) -> None:
    """[FC -> KIND]*4 with activation functions, normalizations and linear kinds without MACs."""
    between = plain(kind)
    try:
        fits = not between.counts_macs and between.output(Volume(1, 1, 24)) == Volume(1, 1, 24)
    except (ShapeError, ValueError):
        fits = False
    if fits:
        found = found_by("many-fc", layer("input", size=[1, 1, 24]), *[layer("fc", units=24), between] * 4)

        assert bool(found) is any(shows(kind, what) for what in (is_activation, is_normalization, is_linear))


@each_kind
def test_activation_after_last_fc_finds_rectifiers_and_dropout(kind: str) -> None:
    """FC -> KIND at the end."""
    net = (layer("input", size=[9, 11, 6]), layer("fc", units=594), plain(kind))
    if kind != "reshape" and not plain(kind).is_merge:
        try:
            found = found_by("activation-after-last-fc", *net)
        except DesignError:
            return
        acts_in_training = plain(kind).is_identity_at_test_time and not plain(kind).is_view
        assert found == ({2} if shows(kind, is_rectifier) or acts_in_training else set())


@each_kind
def test_no_effect_finds_a_second_relu_after_layers_without_negative_outputs(kind: str) -> None:
    """RELU -> KIND -> RELU, for kinds that select values or have bounded outputs."""
    found = found_by("no-effect", layer("input", size=[9, 11, 6]), layer("relu"), plain(kind), layer("relu"))

    if 3 in found:
        assert shows(kind, has_no_negative)
    elif shows(kind, TRAITS["picks_values"]):
        pytest.fail("a RELU behind values of a RELU has no effect")


@each_kind
def test_softmax_inside_ignores_views_means_and_products(kind: str) -> None:
    """SOFTMAX -> KIND: linear kinds without parameters are allowed, all other kinds that use the values are found."""
    net = (layer("input", size=[9, 11, 6]), layer("softmax"), plain(kind))

    passes = plain(kind).is_merge or (shows(kind, is_linear) and not plain(kind).learns)
    assert found_by("softmax-inside", *net) == (set() if passes else {1})


@each_kind
def test_bias_before_bn_finds_every_kind_that_removes_a_constant(kind: str) -> None:
    """CONV -> KIND."""
    found = found_by("bias-before-bn", layer("input", size=[9, 11, 3]), layer("conv", filters=6), plain(kind))

    assert found == ({1} if shows(kind, centres_channels) else set())


@each_kind
def test_long_stretch_ends_at_normalizations_and_merges(kind: str) -> None:
    """[CONV -> KIND]*6, where KIND keeps height and width."""
    net = [layer("input", size=[9, 11, 6])]
    if plain(kind).counts_macs or not (plain(kind).is_merge or plain(kind).output(X) == X):
        return
    for _ in range(6):
        net += [layer("conv", filters=6, kernel=3 if kind != "concat" else 1), plain(kind)]

    is_silent = plain(kind).is_merge or shows(kind, is_normalization)
    assert bool(found_by("long-stretch", *net)) is not is_silent


# A kind that is added


@pytest.fixture
def factor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers FACTOR, which does what SCALE(shift=no) does."""
    monkeypatch.setitem(KINDS, Factor.kind, Factor)


FACTORS = "INPUT 16x12x3 -> CONV3-8 -> FACTOR -> CONV3-8 -> FACTOR(learned=no) -> RELU -> GAP -> FC-10"
SCALES = "INPUT 16x12x3 -> CONV3-8 -> SCALE(shift=no) -> CONV3-8 -> SCALE(shift=no) -> RELU -> GAP -> FC-10"


@pytest.mark.usefixtures("factor")
@pytest.mark.parametrize("name", TRAITS)
def test_the_run_of_an_added_kind_agrees_with_its_traits(name: str) -> None:
    for case in FACTOR_CASES:
        if trait(name, case.layer, case.inputs):
            assert TRAITS[name](Run(case))
        else:
            assert not TRAITS[name](Run(case))


@pytest.mark.usefixtures("factor")
def test_an_added_kind_is_counted_and_shown() -> None:
    report = cnncalc.analyze(FACTORS)

    assert [(row.label, row.weights, row.buffers) for row in report.layers if row.kind == "factor"] == [
        ("FACTOR", 8, 0),
        ("FACTOR(learned=no)", 0, 8),
    ]
    assert "FACTOR" in cnncalc.table(report.graph, "markdown")
    assert cnncalc.table(report.graph, "csv", columns=["layer", "macs", "receptive_field"]) == cnncalc.table(
        SCALES, "csv", columns=["layer", "macs", "receptive_field"]
    ).replace("scale", "factor")


@pytest.mark.usefixtures("factor")
def test_an_added_kind_is_written_and_read_back() -> None:
    graph = cnncalc.load(FACTORS)

    assert as_pattern(graph).strip() == FACTORS
    assert as_pattern(cnncalc.load("-", stdin=as_yaml(graph))).strip() == FACTORS


@pytest.mark.usefixtures("factor")
def test_an_added_kind_runs_and_trains_as_predicted() -> None:
    report = cnncalc.analyze(FACTORS, batch=2)

    assert verify(report).agrees
    assert verify_training(report).agrees


@pytest.mark.usefixtures("factor")
@pytest.mark.parametrize("profile", PROFILES)
def test_an_added_kind_keeps_in_training_what_it_declares(profile: str) -> None:
    """It keeps its input, which is as large as the output that TANH keeps."""
    with_factor = cnncalc.account_memory("INPUT 16x12x3 -> CONV3-8 -> FACTOR -> GAP -> FC-10", profile=profile)
    with_tanh = cnncalc.account_memory("INPUT 16x12x3 -> CONV3-8 -> TANH(in_place=no) -> GAP -> FC-10", profile=profile)

    saved = [memory.training.saved_bytes for memory in (with_factor, with_tanh)]
    assert saved[0] == saved[1]


@pytest.mark.usefixtures("factor")
def test_an_added_kind_is_folded_into_the_weights_before_it() -> None:
    factors, scales = (plan(cnncalc.analyze(net)) for net in (FACTORS, SCALES))

    assert [volume.size for volume in factors.volumes] == [volume.size for volume in scales.volumes]


@pytest.mark.usefixtures("factor")
def test_design_rules_see_through_an_added_kind() -> None:
    findings = run_rules(cnncalc.analyze(FACTORS), file="net.yaml")

    assert [(finding.code, finding.layer) for finding in findings] == [("linear-after-linear", "conv2")]
    assert "there is only FACTOR" in findings[0].message


@pytest.mark.usefixtures("factor")
@pytest.mark.parametrize("form", ["onnx", "torch", "keras", "caffe"])  # in a .tflite file it is part of the convolution
def test_a_format_that_lacks_an_added_kind_refuses_it_by_its_name(form: str) -> None:
    if form == "onnx":
        pytest.importorskip("onnx", reason="the onnx package is not installed, so no file is written")
    with pytest.raises(DesignError) as caught:
        export(cnncalc.analyze(FACTORS).resolved, form)

    said = "\n".join(problem.message for problem in caught.value.every)
    assert "FACTOR" in said
    assert "factor1" in said
    assert "factor2" in said


@pytest.mark.usefixtures("factor")
@pytest.mark.parametrize("tool", ["torchinfo", "thop", "ptflops", "fvcore", "onnx-tool"])
def test_a_tool_whose_format_lacks_an_added_kind_counts_it_with_a_doubt(tool: str) -> None:
    figure = counted(tool, cnncalc.analyze(FACTORS)).figures[2]

    assert figure.parameters == 8
    assert figure.doubt in ("PyTorch has no module for FACTOR layers", "ONNX has no operator for factor1")


def drawn(net: str, drawing: str) -> str:
    memory = cnncalc.account_memory(net, logs=True)
    return draw(memory.report, drawing, memory=memory)


@pytest.mark.usefixtures("factor")
@pytest.mark.parametrize("drawing", DRAWINGS)
def test_an_added_kind_is_drawn(drawing: str) -> None:
    factors, scales = (drawn(net, drawing) for net in (FACTORS.replace("(learned=no)", ""), SCALES))

    assert factors.count("<text") == scales.count("<text")
    assert factors.count("<rect") == scales.count("<rect")
