"""Recognizes functions that a file spells out as arithmetic, by their values.

A formula is a tree of operators over one layer. If its values at many points are those of a kind, it is that kind,
however it is written: x * sigmoid(x), x / (1 + exp(-x)) and x * (tanh(x/2) + 1) / 2 are all SILU.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import erf, exp, inf, isfinite, log, log1p, sqrt, tanh
from operator import add, mul, sub, truediv
from typing import TYPE_CHECKING, Any, TypeAlias

from cnncalc.interop.builder import Unsupported
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.tensor import Source
    from cnncalc.interop.views import Atom

Numbers: TypeAlias = "list[float]"

MOST_STEPS = 40
"""The most operators of a formula."""

ARITHMETIC = frozenset(("Affine", "Add", "Sub", "Mul", "Div", "Pow", "Neg", "Min", "Max", "Reciprocal", "Where"))
"""Operators that may be the last one of a spelled-out function; others are functions by themselves."""

POLYNOMIAL = frozenset(("Add", "Sub", "Mul", "Affine"))
"""Operators that polynomials consist of."""

POINTS = [-9.0, -7.3, -6.0, -5.1, -4.0, -3.2, -3.0, -2.6, -2.1, -1.7, -1.2, -1.0, -0.6, -0.3, -0.05, 0.0]
POINTS += [-point for point in POINTS[-2::-1]]
FAR = [-1e6, -1e3, -50.0, 50.0, 1e3, 1e6]
"""Points at which a function that equals another at POINTS may differ: a clip at 20, a power of 1 + x / 10,000."""
SAMPLE = [0.3, -1.1, 2.4, 0.9, -0.2, -3.0, 1.6]
"""The values along reduced axes with which a formula is evaluated."""

TOLERANCE = 2e-5


class Formula(NamedTuple):
    """An operator on layers and numbers.

    ``leaf`` is the single layer that the whole tree reads, ``steps`` the number of operators of the tree. ``reduced``
    are the atoms of the axes that it reduces, and ``width`` the number of their positions. ``is_polynomial``: all
    operators of the tree are in ``POLYNOMIAL``.
    """

    operator: Operator
    type: str
    args: tuple[Source | float, ...]
    leaf: Source
    steps: int
    reduced: frozenset[Atom] = frozenset()
    width: int = 1
    is_polynomial: bool = False


class Match(NamedTuple):
    """A kind with keys, the layer that it reads (``base``), and the factor and shift applied to its result.

    ``function`` computes one element, factor and shift included; None if the kind is not element-wise.
    """

    kind: str
    keys: dict[str, Any]
    base: Source | None = None
    factor: float = 1.0
    shift: float = 0.0
    function: Callable[[float], float] | None = None


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x))"""
    return 1 / (1 + exp(-x)) if x > 0 else exp(x) / (1 + exp(x))


def _softplus(x: float) -> float:
    return max(x, 0) + log1p(exp(-abs(x)))


def _clip(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


def _elu(x: float) -> float:
    return x if x > 0 else exp(x) - 1


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _sign(x: float) -> float:
    return (x > 0) - (x < 0) + 0.0


UNARY: Mapping[str, Callable[[float], float]] = {
    "Neg": lambda x: -x,
    "Abs": abs,
    "Sign": _sign,
    "Exp": exp,
    "Log": log,
    "Sqrt": sqrt,
    "Reciprocal": lambda x: 1 / x,
    "Erf": erf,
    "Tanh": tanh,
    "Sigmoid": sigmoid,
    "Softplus": _softplus,
    "Relu": lambda x: max(x, 0.0),
    "HardSwish": lambda x: x * _clip(x / 6 + 0.5, 0, 1),
}

BINARY: Mapping[str, Callable[[float, float], float]] = {
    "Add": add,
    "Sub": sub,
    "Mul": mul,
    "Div": truediv,
    "Pow": pow,
    "Min": min,
    "Max": max,
    "Greater": lambda a, b: float(a > b),
    "GreaterOrEqual": lambda a, b: float(a >= b),
    "Less": lambda a, b: float(a < b),
    "LessOrEqual": lambda a, b: float(a <= b),
}

REDUCTIONS: Mapping[str, Callable[[Numbers, int], float]] = {
    "ReduceMean": lambda values, count: sum(values) / len(values),
    "ReduceSum": lambda values, count: sum(values) / len(values) * count,
    "ReduceMax": lambda values, count: max(values),
    "ReduceMin": lambda values, count: min(values),
    "ReduceL2": lambda values, count: sqrt(sum(x * x for x in values) / len(values) * count),
    "ReduceSumSquare": lambda values, count: sum(x * x for x in values) / len(values) * count,
}
"""Reductions of ``count`` numbers, given a sample of them: a sum is the mean of the sample times ``count``."""

GATED = 5
"""How many of the first functions in KNOWN are a product with their argument x."""

KNOWN: Sequence[tuple[str, dict[str, Any], Callable[[float], float]]] = (
    ("gelu", {}, lambda x: x * (1 + erf(x / sqrt(2))) / 2),
    ("gelu", {"form": "tanh"}, lambda x: x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x**3))) / 2),
    ("silu", {}, lambda x: x * sigmoid(x)),
    ("mish", {}, lambda x: x * tanh(_softplus(x))),
    ("hswish", {}, lambda x: x * _clip(x / 6 + 0.5, 0, 1)),
    ("hsigmoid", {}, lambda x: _clip(x / 6 + 0.5, 0, 1)),
    ("hsigmoid", {"slope": 0.2}, lambda x: _clip(x / 5 + 0.5, 0, 1)),
    ("relu", {}, lambda x: max(x, 0.0)),
    ("relu6", {}, lambda x: _clip(x, 0, 6)),
    ("sigmoid", {}, sigmoid),
    ("tanh", {}, tanh),
    ("softplus", {}, _softplus),
    ("elu", {}, _elu),
    ("selu", {}, lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * (exp(x) - 1))),
    ("abs", {}, abs),
    ("square", {}, lambda x: x * x),
    ("exp", {}, exp),
    ("neg", {}, lambda x: -x),
)


def evaluate(source: Source, base: Source, values: Numbers) -> Numbers:
    """The values of a layer's formula for ``values`` of the layer ``base``.

    Raises ArithmeticError outside of the domain, ValueError for a formula that cannot be evaluated.
    """
    if source is base:
        return values
    formula = source.formula
    if formula is None:
        raise ValueError
    known = source.evaluated
    if known is None or known[0] is not base or known[1] is not values:
        known = source.evaluated = base, values, _apply(formula, base, values)
    return known[2]


def _apply(formula: Formula, base: Source, values: Numbers) -> Numbers:
    args = [[arg] if isinstance(arg, float) else evaluate(arg, base, values) for arg in formula.args]
    if formula.type in BINARY:
        return _combined(formula.type, args)
    if formula.type in REDUCTIONS:
        return [REDUCTIONS[formula.type](args[0] * (len(values) if len(args[0]) == 1 else 1), formula.width)]
    if formula.type in UNARY:
        return [UNARY[formula.type](x) for x in args[0]]
    if formula.type == "Affine":
        return [x * args[1][0] + args[2][0] for x in args[0]]
    if formula.type == "Clip":
        return [_clip(x, args[1][0], args[2][0]) for x in args[0]]
    if formula.type == "LeakyRelu":
        return [_leaky(args[1][0], x) for x in args[0]]
    if formula.type == "HardSigmoid":
        return [_clip(x * args[1][0] + args[2][0], 0, 1) for x in args[0]]
    if formula.type == "Where":
        size = max(map(len, args))
        wide = [arg * (size // len(arg)) for arg in args]
        return [a if chosen else b for chosen, a, b in zip(*wide, strict=True)]
    raise ValueError


def _combined(type: str, args: Sequence[Numbers]) -> Numbers:
    """Values combined by a binary operator; a single number is repeated to the length of the others."""
    result = args[0]
    for other in args[1:]:
        size = max(len(result), len(other))
        result = list(map(BINARY[type], result * (size // len(result)), other * (size // len(other))))
    if type == "Pow" and any(isinstance(x, complex) for x in result):
        raise ValueError
    return result


def near(found: Sequence[float], expected: Sequence[float], tolerance: float = TOLERANCE, factor: float = 1.0) -> bool:
    """Whether ``found`` is ``expected`` times a factor, up to the errors of single precision and approximations.

    ``tolerance`` is for numbers before the factor is applied: relative for those above 1, else absolute.
    """
    if len(found) != len(expected):
        return False
    allowed = tolerance * abs(factor)
    # false if any number is NaN
    return all(abs(a - b * factor) <= allowed * max(1.0, abs(b)) for a, b in zip(found, expected, strict=True))


def match(source: Source) -> Match | None:
    """The kind that equals the formula of a layer, applied to the earliest layer possible; None if there is none."""
    formula = source.formula
    if formula is None or not _is_spelled_out(formula):
        return None
    for base in _bases(source, formula):
        found = _match_on(source, base)
        if found is not None:
            return found
    return None


def _bases(source: Source, formula: Formula) -> list[Source]:
    """The layers of which a formula may be a function, the earliest first.

    For a polynomial only the earliest and the nearest are tried.
    """
    if not formula.is_polynomial:
        return _all_before(source)
    args = [arg for arg in formula.args if not isinstance(arg, float)]
    nearest = args[:1] if all(arg is args[0] for arg in args) else []
    return nearest if nearest == [formula.leaf] else [formula.leaf, *nearest]


def _within(source: Source, base: Source | None = None) -> Iterator[Formula]:
    """The formulas of a layer and of the layers between it and ``base``, each once, first arguments first."""
    seen = {id(base)}
    waiting = [source]
    while waiting:
        place = waiting.pop()
        if id(place) not in seen and place.formula is not None:
            seen.add(id(place))
            yield place.formula
            waiting += [arg for arg in place.formula.args[::-1] if not isinstance(arg, float)]


def _is_spelled_out(formula: Formula) -> bool:
    """Whether the last operator of a formula is part of a spelled-out function, not a function by itself."""
    if formula.type in ARITHMETIC:
        return True
    if formula.type in ("Clip", "Relu"):  # of a linear function it may be a hard sigmoid
        before = formula.args[0]
        inner = None if isinstance(before, float) else before.formula
        return inner is not None and inner.type in ARITHMETIC
    return False


def _all_before(source: Source) -> list[Source]:
    """The layers from which a formula is computed, the earliest first."""
    found: list[Source] = []
    seen: set[int] = set()

    def visit(place: Source) -> None:
        if id(place) in seen:
            return
        seen.add(id(place))
        for arg in place.formula.args if place.formula is not None else ():
            if not isinstance(arg, float):
                visit(arg)
        found.append(place)

    visit(source)
    return found[:-1]


def _match_on(source: Source, base: Source) -> Match | None:
    """The kind that equals a formula, applied to the layer ``base``; None if there is none."""
    is_polynomial = source.formula is not None and source.formula.is_polynomial
    reduced = [] if is_polynomial else [part for part in _within(source, base) if part.type in REDUCTIONS]
    if reduced:
        norm = _normalization(source, base, reduced)
        return norm and Match(*norm, base)
    values = _values(source, base, POINTS)
    found = _half(source, base) if values is None else _function_of(tuple(values))
    if found is None or found.function is None or not _agrees_far(source, base, found.function):
        return None
    return found._replace(keys=dict(found.keys), base=base)


def _agrees_far(source: Source, base: Source, function: Callable[[float], float]) -> bool:
    """Whether a formula has the values of a function at FAR, except where one of them overflows."""
    for x in FAR:
        try:
            found, expected = evaluate(source, base, [x])[0], function(x)
        except (ArithmeticError, ValueError):
            continue
        if isfinite(found) and not near([found], [expected]):
            return False
    return True


@lru_cache(maxsize=256)  # a net has the same function many times
def _function_of(values: tuple[float, ...]) -> Match | None:
    """The kind with these values at POINTS, without a base; None if there is none."""
    shift = values[POINTS.index(0.0)]  # a product with x is 0 there
    for number, (kind, keys, function) in enumerate(KNOWN):
        expected = _known_values()[number]
        if near(values, expected):
            return Match(kind, keys, function=function)
        factor = (values[-1] - shift) / expected[-1] if number < GATED else 0.0
        if abs(factor) > 1e-3 and near([value - shift for value in values], expected, TOLERANCE, factor):
            return Match(kind, keys, None, factor, shift, partial(_line, factor, shift, function))
    return _fitted(values)


@lru_cache(maxsize=1)
def _known_values() -> list[Numbers]:
    """The values of the known functions at POINTS."""
    return [[function(x) for x in POINTS] for _, _, function in KNOWN]


def _values(source: Source, base: Source, points: Numbers) -> Numbers | None:
    try:
        found = evaluate(source, base, points)
    except (ArithmeticError, ValueError):
        return None
    return found if all(map(isfinite, found)) else None


def _line(factor: float, shift: float, function: Callable[[float], float], x: float) -> float:
    return factor * function(x) + shift


def _half(source: Source, base: Source) -> Match | None:
    """SQRT, if a formula that is defined only for positive numbers equals it; else None."""
    points = [x for x in POINTS if x > 0]
    values = _values(source, base, points)
    is_root = values is not None and near(values, [sqrt(x) for x in points])
    return Match("sqrt", {}, function=sqrt) if is_root else None


def _fitted(values: Sequence[float]) -> Match | None:
    """A kind whose keys follow from the values at POINTS: AFFINE, LRELU or CLIP; None if none fits."""
    at = dict(zip(POINTS, values, strict=True))
    shift, factor = at[0.0], at[1.0] - at[0.0]
    low, high = min(values), max(values)
    tolerance = 1e-6 * min(1.0, max(-low, high))
    line = partial(_line, factor, shift, float)
    if near(values, list(map(line, POINTS)), tolerance):
        return Match("affine", affine_keys(factor, shift), function=line)
    slope = -at[-1.0]
    if 0 < slope < 1 and near(values, [_leaky(slope, x) for x in POINTS], tolerance):
        return Match("lrelu", {"slope": rounded(slope)}, function=partial(_leaky, slope))
    limits = low if low > POINTS[0] else None, high if high < POINTS[-1] else None
    if low < 0 < high and near(values, [_clip(x, low, high) for x in POINTS], tolerance):
        return Match(*clip_kind(*limits), function=partial(_clipped, *limits))
    return None


def _leaky(slope: float, x: float) -> float:
    return x if x > 0 else x * slope


def _clipped(low: float | None, high: float | None, x: float) -> float:
    return _clip(x, -inf if low is None else low, inf if high is None else high)


def affine_keys(factor: float, shift: float) -> dict[str, Any]:
    """The keys of AFFINE that differ from its defaults."""
    keys = {"factor": rounded(factor), "shift": rounded(shift)}
    return {name: value for name, value in keys.items() if value != (1 if name == "factor" else 0)}


def clip_kind(low: float | None, high: float | None) -> tuple[str, dict[str, Any]]:
    """The kind that clips to these bounds: RELU, RELU6 or CLIP, and its keys."""
    if low == 0 and high is None:
        return "relu", {}
    if low == 0 and high == 6:
        return "relu6", {}
    keys = {"low": low, "high": high}
    return "clip", {name: rounded(value) for name, value in keys.items() if value is not None}


def rounded(value: float) -> float:
    """A number rounded to seven digits, since a file has it in single precision: 0.1 for 0.10000000149."""
    if not isfinite(value):
        raise Unsupported(f"it computes with the number {value}")
    short = float(f"{value:.7g}")
    return int(short) if short == int(short) and abs(short) < 1e15 else short


def _normalization(source: Source, base: Source, reduced: Sequence[Formula]) -> tuple[str, dict[str, Any]] | None:
    """LN, RMS, L2NORM or SOFTMAX, which reduce axes, and its keys; the key ``atoms`` has the atoms of these axes."""
    first = reduced[0]
    if any(formula.reduced != first.reduced for formula in reduced):
        return None
    values = _values(source, base, SAMPLE)
    if values is None or len(values) != len(SAMPLE):
        return None
    numbers = [arg for part in _within(source, base) for arg in part.args if isinstance(arg, float)]
    small = [x for x in numbers if 0 < x < 0.01]
    eps = {"eps": rounded(small[0])} if small else {}
    mean = sum(SAMPLE) / len(SAMPLE)
    squares = sum(x * x for x in SAMPLE) / len(SAMPLE)
    deviation = sqrt(squares - mean * mean)
    largest = max(SAMPLE)
    weights = [exp(x - largest) for x in SAMPLE]
    length = sqrt(squares * first.width)
    for kind, keys, expected in (
        ("ln", eps, [(x - mean) / deviation for x in SAMPLE]),
        ("rms", eps, [x / sqrt(squares) for x in SAMPLE]),
        ("l2norm", eps, [x / length for x in SAMPLE]),
        ("softmax", {}, [w / sum(weights) * len(SAMPLE) / first.width for w in weights]),
    ):
        if near(values, expected, 1e-3):
            return kind, {**keys, "atoms": first.reduced}
    return None
