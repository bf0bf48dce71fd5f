"""The keys of a budget, and how each is measured on a net and layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.checks.findings import Share
from cnncalc.memory.optimizers import OPTIMIZERS, optimizer_named
from cnncalc.memory.options import PROFILE_NAMES, TRAINABLE_TYPES
from cnncalc.memory.report import STEP, Options, Simulation, notes_rule
from cnncalc.records import NamedTuple
from cnncalc.units import BYTES_PER_ELEMENT, bytes_per_element

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cnncalc.analysis.report import LayerReport, Report

MAX_SHARES = 3
"""Maximum number of layers named as the largest contributors."""

NO_OPTIONS: Mapping[str, tuple[str, ...]] = {}


class Measure(NamedTuple):
    """What is measured: a key, and for memory its options."""

    key: str
    batch: int = 1
    dtype: str = "float32"
    optimizer: str = "momentum"
    profile: str = "torch-cuda"

    @property
    def unit(self) -> str:
        """``count`` or ``bytes``."""
        return KEYS[self.key].unit

    @property
    def title(self) -> str:
        """The key with the options that differ from the defaults: ``training_memory (batch 64, adam)``."""
        options = [f"batch {self.batch}"] if self.batch != 1 else []
        options += [value for value, default in zip(self[2:], Measure("macs")[2:], strict=True) if value != default]
        return f"{self.key} ({', '.join(options)})" if options else self.key

    @property
    def identity(self) -> str:
        """The key with all of its options, as baselines name it."""
        options = [f"{name}={getattr(self, name)}" for name in KEYS[self.key].options]
        return " ".join([self.key, *options])

    @property
    def memory_options(self) -> Options:
        """The options of a memory report."""
        return Options(profile=self.profile, batch=self.batch, dtype=self.dtype, optimizer=self.optimizer)


class Meter:
    """Measures one net; keeps what it has computed."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._values: dict[Measure, int] = {}
        self._simulations: dict[Options, Simulation] = {}

    def simulation(self, options: Options) -> Simulation:
        """The simulation for the options."""
        if options not in self._simulations:
            self._simulations[options] = Simulation(self.report, options)
        return self._simulations[options]

    def value(self, measure: Measure) -> int:
        """The exact value: a count for one image, or bytes."""
        if measure not in self._values:
            self._values[measure] = KEYS[measure.key].value(self, measure)
        return self._values[measure]

    def shares(self, measure: Measure) -> tuple[Share, ...]:
        """The layers that contribute most, largest first."""
        parts = KEYS[measure.key].parts
        rows = self.report.layers
        sizes = parts(self, measure) if parts is not None else []
        found = sorted([(size, -index) for index, size in enumerate(sizes) if size], reverse=True)
        return tuple(Share(rows[-place].name, size) for size, place in found[:MAX_SHARES])


class BudgetKey(NamedTuple):
    """A key of a budget.

    ``unit`` is ``count`` or ``bytes``. ``value`` measures it on a net, ``parts`` gives what each layer contributes
    (None: it is not a sum over layers). ``options`` are those of its limits, with the words they take (none: a whole
    number). ``has_layers``: each layer has a value of its own. ``example`` is a limit.
    """

    name: str
    unit: str
    value: Callable[[Meter, Measure], int]
    parts: Callable[[Meter, Measure], list[int]] | None = None
    options: Mapping[str, tuple[str, ...]] = NO_OPTIONS
    has_layers: bool = False
    example: str = "7M"


def _column(name: str) -> BudgetKey:
    """A key that rows and totals have under its name."""

    def value(meter: Meter, _: Measure) -> int:
        total: int = getattr(meter.report.totals, name)
        return total

    def parts(meter: Meter, _: Measure) -> list[int]:
        return [getattr(row, name) for row in meter.report.layers]

    return BudgetKey(name, "count", value, parts, has_layers=True)


def _own_activations(meter: Meter, _: Measure) -> list[int]:
    return [0 if row.in_place else row.activations for row in meter.report.layers]


def _counted_layers(meter: Meter, _: Measure) -> int:
    return sum(row.layer.counts_macs for row in meter.report.layers)


def _receptive_field(meter: Meter, _: Measure) -> int:
    return min(last_window(meter.report).receptive_field)


def _parameter_bytes(meter: Meter, measure: Measure) -> list[int]:
    each = bytes_per_element(measure.dtype)
    return [row.parameters * each for row in meter.report.layers]


def _activation_bytes(meter: Meter, measure: Measure) -> list[int]:
    each = measure.batch * bytes_per_element(measure.dtype)
    return [size * each for size in _own_activations(meter, measure)]


def _summed(parts: Callable[[Meter, Measure], list[int]]) -> Callable[[Meter, Measure], int]:
    return lambda meter, measure: sum(parts(meter, measure))


def _inference_peak(meter: Meter, measure: Measure) -> int:
    if measure.profile == "notes":
        return notes_rule(meter.report, measure.memory_options).inference_bytes
    return meter.simulation(measure.memory_options).inference(measure.batch).peak_bytes


def _training_peak(meter: Meter, measure: Measure) -> int:
    if measure.profile == "notes":
        return notes_rule(meter.report, measure.memory_options).training_bytes
    return meter.simulation(measure.memory_options).training(measure.batch).peak_bytes


def _inference_parts(meter: Meter, measure: Measure) -> list[int]:
    """Parameters, plus live bytes of each layer at the peak."""
    if measure.profile == "notes":
        alive = _activation_bytes(meter, measure)
    else:
        held = meter.simulation(measure.memory_options).held_by_layer(measure.batch, training=False)
        alive = [held.get(row.index, 0) for row in meter.report.layers]
    return [p + a for p, a in zip(_parameter_bytes(meter, measure), alive, strict=True)]


def _training_parts(meter: Meter, measure: Measure) -> list[int]:
    """Parameters, optimizer state, and live bytes of each layer at the peak."""
    parameters = _parameter_bytes(meter, measure)
    if measure.profile == "notes":
        activations = _activation_bytes(meter, measure)
        return [2 * a + 3 * p for a, p in zip(activations, parameters, strict=True)]
    simulation = meter.simulation(measure.memory_options)
    state = optimizer_named(measure.optimizer).state
    each = bytes_per_element(measure.dtype)
    learned = [row.trainable * each for row in meter.report.layers]
    if simulation.training(measure.batch).peak_at == STEP:
        return [p + (1 + state) * t for p, t in zip(parameters, learned, strict=True)]
    held = simulation.held_by_layer(measure.batch)
    return [p + state * t + held.get(index, 0) for index, (p, t) in enumerate(zip(parameters, learned, strict=True))]


def _memory(
    name: str,
    value: Callable[[Meter, Measure], int],
    parts: Callable[[Meter, Measure], list[int]],
    options: Mapping[str, tuple[str, ...]],
    *,
    has_layers: bool = False,
) -> BudgetKey:
    return BudgetKey(name, "bytes", value, parts, options, has_layers, example="8GiB")


_BATCH: dict[str, tuple[str, ...]] = {"batch": ()}
_ANY_TYPE: dict[str, tuple[str, ...]] = {"dtype": tuple(BYTES_PER_ELEMENT)}
_TYPE: dict[str, tuple[str, ...]] = {"dtype": TRAINABLE_TYPES}
_OPTIMIZER: dict[str, tuple[str, ...]] = {"optimizer": tuple(OPTIMIZERS)}
_PROFILE: dict[str, tuple[str, ...]] = {"profile": PROFILE_NAMES}

KEYS: dict[str, BudgetKey] = {
    key.name: key
    for key in (
        *(_column("parameters"), _column("weights"), _column("macs")),
        _column("activations")._replace(parts=_own_activations),
        BudgetKey("layers", "count", _counted_layers, example="50"),
        _memory("parameter_memory", _summed(_parameter_bytes), _parameter_bytes, _ANY_TYPE, has_layers=True),
        _memory(
            "activation_memory", _summed(_activation_bytes), _activation_bytes, _BATCH | _ANY_TYPE, has_layers=True
        ),
        _memory("inference_memory", _inference_peak, _inference_parts, _BATCH | _TYPE | _PROFILE),
        _memory("training_memory", _training_peak, _training_parts, _BATCH | _TYPE | _OPTIMIZER | _PROFILE),
        BudgetKey("receptive_field", "count", _receptive_field, has_layers=True, example="50"),
    )
}
"""Every key of a budget by its name."""


def last_window(report: Report) -> LayerReport:
    """The layer whose receptive field a budget limits: the last one at test time that does not see the whole input.

    FC layers and layers after a global pool see the whole input in every design. If there is no such layer, it is the
    last one.
    """
    rows = [row for row in report.layers if not row.training_only] or list(report.layers)
    return next((row for row in reversed(rows) if row.reach is not None and row.sources), rows[-1])


def default_measures() -> list[Measure]:
    """One measure for each key, with the default options."""
    return [Measure(key) for key in KEYS]
