"""The keys of a budget, and how each is measured on a net and layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, ValueProblem
from cnncalc.memory.optimizers import OPTIMIZERS, optimizer_named
from cnncalc.memory.options import AUTOCAST, POINTERS, PROFILE_NAMES, TRAINABLE_TYPES
from cnncalc.memory.report import STEP, Options, Simulation
from cnncalc.records import NamedTuple
from cnncalc.units import BYTES_PER_ELEMENT, bytes_per_element, format_bytes, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.interop.tflite_net import TfliteNet

MAX_SHARES = 3
"""Maximum number of layers named as the largest contributors."""

NO_OPTIONS: Mapping[str, tuple[str, ...]] = {}


class Share(NamedTuple):
    """What a layer or block contributes to a value, in its unit."""

    layer: str
    value: int


class Measure(NamedTuple):
    """What is measured: a key, and for memory its options."""

    key: str
    batch: int = 1
    dtype: str = "float32"
    optimizer: str = "momentum"
    profile: str = "torch-cuda"
    autocast: str | None = None
    image_batches: int = 1
    checkpoint: str = "none"
    reserve: int | str | None = None
    pointers: str = "32"

    @property
    def unit(self) -> str:
        """``count`` or ``bytes``."""
        return KEYS[self.key].unit

    @property
    def title(self) -> str:
        """The key with the options that differ from the defaults: ``training_memory (batch 64, adam)``."""
        options = [
            f"{_TITLES.get(name, '')}{format_bytes(int(value)) if name == 'reserve' and value != 'auto' else value}"
            for name, value in self.options.items()
            if value != self._field_defaults[name]
        ]
        return f"{self.key} ({', '.join(options)})" if options else self.key

    @property
    def options(self) -> dict[str, int | str]:
        """The options that the key has; those of :data:`_ONLY_SET` only where they are set."""
        found = {name: getattr(self, name) for name in KEYS[self.key].options}
        for name in _ONLY_SET:
            if found.get(name) == self._field_defaults[name]:
                found.pop(name, None)
        return found

    @property
    def identity(self) -> str:
        """The key with its options, as baselines name it."""
        return " ".join([self.key, *[f"{name}={value}" for name, value in self.options.items()]])

    @property
    def memory_options(self) -> Options:
        """The options of a memory report."""
        return Options(
            profile=self.profile,
            batch=self.batch,
            dtype=self.dtype,
            optimizer=self.optimizer,
            autocast=self.autocast,
            image_batches=self.image_batches,
            checkpoint=self.checkpoint,
            reserve=self.reserve,
        )


_TITLES = {
    "batch": "batch ",
    "autocast": "autocast to ",
    "image_batches": "image batches: ",
    "checkpoint": "checkpoint ",
    "reserve": "reserve ",
    "pointers": "pointers ",
}
"""What stands before the value of an option in a title."""
_ONLY_SET = ("autocast", "image_batches", "checkpoint", "reserve", "pointers")
"""The options that are no part of a measure where they have their default."""


class Meter:
    """Measures one net; keeps what it has computed."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._values: dict[Measure, int] = {}
        self._simulations: dict[Options, Simulation] = {}
        self._on_chip: TfliteNet | None = None

    def simulation(self, options: Options) -> Simulation:
        """The simulation for the options, which is one for every batch."""
        options = options._replace(batch=1)
        if options not in self._simulations:
            self._simulations[options] = Simulation(self.report, options)
        return self._simulations[options]

    def on_chip(self, key: str) -> TfliteNet:
        """The net as operators of TensorFlow Lite Micro; raises ValueProblem, for a key, if a layer has none."""
        from cnncalc.memory.micro import net_on_chip

        if self._on_chip is None:
            try:
                self._on_chip = net_on_chip(self.report)
            except DesignError as error:
                reasons = [problem.message for problem in error.every]
                more = len(reasons) - MAX_SHARES
                rest = f"; and {plural(more, 'other problem')}" if more > 0 else ""
                message = f"{key}: {'; '.join(reasons[:MAX_SHARES])}{rest}"
                raise ValueProblem(message, code="no-equal", hint=_FOR_ALL) from None
        return self._on_chip

    def value(self, measure: Measure) -> int:
        """The exact value: a count for one image, or bytes; raises ValueProblem where the net has none."""
        if measure not in self._values:
            self._values[measure] = KEYS[measure.key].value(self, measure)
        return self._values[measure]

    def is_upper_bound(self, measure: Measure) -> bool:
        """Whether the value is only an upper bound."""
        return KEYS[measure.key].is_of_window and not last_window(self.report).receptive_field_is_exact

    def stated(self, key: str, measure: Measure) -> tuple[str, ...]:
        """The layers whose stated figures are part of the value of a key: a number, their bytes or their volume."""
        known, report = KEYS.get(key), self.report
        if known is not None and known.is_of_window:
            return report.stated_layers if last_window(report).index in report.unproven else ()
        rows = [row for row in report.layers if row.layer.is_stated]
        if known is not None and known.parts is None:
            return report.stated_layers if known.unit == "bytes" else ()
        if known is not None and not key.startswith(("inference", "training")):
            parts = known.parts(self, measure) if known.parts else []
            return tuple([row.name for row in rows if parts[row.index]])
        return tuple([row.name for row in rows if getattr(row, key, 1)])

    def shares(self, measure: Measure) -> tuple[Share, ...]:
        """The layers that contribute most, largest first."""
        parts = KEYS[measure.key].parts
        rows = self.report.layers
        sizes = parts(self, measure) if parts is not None else []
        found = sorted([(size, -index) for index, size in enumerate(sizes) if size], reverse=True)
        return tuple(Share(rows[-place].name, size) for size, place in found[:MAX_SHARES])


_FOR_ALL = "plan_arena, the arena of the volumes alone, has a value for all layers"

ALLOW_STATED = "allow_stated"
"""The key whose only value ``no`` forbids layers whose figures are stated."""


class BudgetKey(NamedTuple):
    """A key of a budget.

    ``unit`` is ``count`` or ``bytes``. ``value`` measures it on a net, ``parts`` gives what each layer contributes
    (None: it is not a sum over layers). ``options`` are those of its limits, with the words they take (none: a number
    or a text, see :data:`cnncalc.figures.budget.OPTION_READERS`). ``has_layers``: each layer has such a value of its
    own. ``example`` is a limit. ``is_of_window``: it is the receptive field of the last layer with a window, which may
    be only bounded. ``on_board``: which memory of a board limits it, ``ram`` or ``flash`` (empty: none).
    """

    name: str
    unit: str
    value: Callable[[Meter, Measure], int]
    parts: Callable[[Meter, Measure], list[int]] | None = None
    options: Mapping[str, tuple[str, ...]] = NO_OPTIONS
    has_layers: bool = False
    example: str = "7M"
    is_of_window: bool = False
    on_board: str = ""


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
    return meter.report.counted_layers


def _stated_layers(meter: Meter, measure: Measure) -> int:
    return sum(_stated_parts(meter, measure))


def _stated_parts(meter: Meter, _: Measure) -> list[int]:
    return [int(row.layer.is_stated) for row in meter.report.layers]


def _receptive_field(meter: Meter, _: Measure) -> int:
    return min(last_window(meter.report).receptive_field)


def _unclipped(meter: Meter, _: Measure) -> int:
    return min(unclipped_of(last_window(meter.report)))


def unclipped_of(row: LayerReport) -> tuple[int, ...]:
    """The receptive field of a layer on an input without borders; raises ValueProblem where there is none."""
    if row.receptive_field_unclipped is not None:
        return row.receptive_field_unclipped
    why = "sees what depends on the size of the input, or is wider than 10^30"
    if row.sees_all:
        why = "sees the whole plane"
    elif not row.fields:
        why = "depends on no input, such as a layer that sees only padding"
    message = f"receptive_field_unclipped: {row.name} has none, since it {why}"
    raise ValueProblem(message, code="undecidable", hint="receptive_field has a value for every layer")


def _parameter_bytes(meter: Meter, measure: Measure) -> list[int]:
    each = bytes_per_element(measure.dtype)
    return [row.parameters * each for row in meter.report.layers]


def _activation_bytes(meter: Meter, measure: Measure) -> list[int]:
    each = measure.batch * bytes_per_element(measure.dtype)
    return [size * each for size in _own_activations(meter, measure)]


def _flops(meter: Meter, _: Measure) -> list[int]:
    """A MAC is two floating-point operations, one multiply and one add."""
    return [2 * row.macs for row in meter.report.layers]


def _summed(parts: Callable[[Meter, Measure], list[int]]) -> Callable[[Meter, Measure], int]:
    return lambda meter, measure: sum(parts(meter, measure))


SIMULATED: dict[str, Callable[[Simulation, int], int]] = {
    "inference_memory": lambda simulation, batch: simulation.inference(batch).peak_bytes,
    "training_memory": lambda simulation, batch: simulation.training(batch).peak_bytes,
    "inference_need": lambda simulation, batch: simulation.needs().inference(batch),
    "training_need": lambda simulation, batch: simulation.needs().training(batch),
}
"""The keys that a simulation gives, for a batch."""


def _simulated(meter: Meter, measure: Measure) -> int:
    return SIMULATED[measure.key](meter.simulation(measure.memory_options), measure.batch)


def _arena(meter: Meter, measure: Measure) -> int:
    """The arena of TensorFlow Lite Micro, head and tail."""
    from cnncalc.memory.tflm import total_bytes

    return total_bytes(meter.on_chip(measure.key), int(measure.pointers) // 8)


def _flash(meter: Meter, measure: Measure) -> int:
    """The .tflite file in int8."""
    from cnncalc.memory.micro import flash_of

    return flash_of(meter.on_chip(measure.key)).bytes


def _plan_arena(meter: Meter, measure: Measure) -> int:
    """The arena of ``memory --plan``."""
    from cnncalc.memory.arena import plan

    return plan(meter.report, batch=measure.batch, dtype=measure.dtype, order="best").arena_bytes


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
    held = simulation.held_by_layer(measure.batch, simulation.segments(measure.batch))
    return [p + state * t + held.get(index, 0) for index, (p, t) in enumerate(zip(parameters, learned, strict=True))]


def _memory(
    name: str,
    value: Callable[[Meter, Measure], int],
    parts: Callable[[Meter, Measure], list[int]] | None,
    options: Mapping[str, tuple[str, ...]],
    *,
    has_layers: bool = False,
) -> BudgetKey:
    return BudgetKey(name, "bytes", value, parts, options, has_layers, example="8GiB")


_BATCH: dict[str, tuple[str, ...]] = {"batch": ()}
_ANY_TYPE: dict[str, tuple[str, ...]] = {"dtype": tuple(BYTES_PER_ELEMENT)}
_SIMULATION: dict[str, tuple[str, ...]] = {"profile": PROFILE_NAMES, "autocast": AUTOCAST, "image_batches": ()}
_INFERENCE = _BATCH | _ANY_TYPE | _SIMULATION
_TRAINING = _BATCH | {"dtype": TRAINABLE_TYPES, "optimizer": tuple(OPTIMIZERS)} | _SIMULATION | {"checkpoint": ()}
_RESERVE: dict[str, tuple[str, ...]] = {"reserve": ()}

KEYS: dict[str, BudgetKey] = {
    key.name: key
    for key in (
        *(_column("parameters"), _column("weights"), _column("macs")),
        BudgetKey("flops", "count", _summed(_flops), _flops, has_layers=True, example="8G"),
        _column("activations")._replace(parts=_own_activations),
        BudgetKey("layers", "count", _counted_layers, example="50"),
        _memory("parameter_memory", _summed(_parameter_bytes), _parameter_bytes, _ANY_TYPE, has_layers=True),
        _memory(
            "activation_memory", _summed(_activation_bytes), _activation_bytes, _BATCH | _ANY_TYPE, has_layers=True
        ),
        _memory("inference_memory", _simulated, _inference_parts, _INFERENCE),
        _memory("training_memory", _simulated, _training_parts, _TRAINING),
        _memory("inference_need", _simulated, _inference_parts, _INFERENCE | _RESERVE),
        _memory("training_need", _simulated, _training_parts, _TRAINING | _RESERVE),
        _memory("arena", _arena, None, {"pointers": POINTERS})._replace(example="64KiB", on_board="ram"),
        _memory("flash", _flash, None, NO_OPTIONS)._replace(example="256KiB", on_board="flash"),
        _memory("plan_arena", _plan_arena, None, _BATCH | _ANY_TYPE),
        *(
            BudgetKey(name, "count", value, has_layers=True, example="50", is_of_window=True)
            for name, value in (("receptive_field", _receptive_field), ("receptive_field_unclipped", _unclipped))
        ),
        BudgetKey(ALLOW_STATED, "count", _stated_layers, _stated_parts, example="no"),
    )
}
"""Every key of a budget by its name."""


FIGURES = tuple([key for key in KEYS if key != ALLOW_STATED])
"""The keys that are figures of a net: all but the one that is a permission."""

ARENAS = ("arena", "flash", "plan_arena")
"""The keys that follow no polynomial and need not grow with a net: offsets of a plan, and the bytes of a file."""


def measure_of(key: str, options: Mapping[str, Any]) -> Measure:
    """The measure of a key with those of the options that it has."""
    return Measure(key, **{name: value for name, value in options.items() if name in KEYS[key].options})


def last_window(report: Report) -> LayerReport:
    """The layer whose receptive field a budget limits: the last one at test time that does not see the whole input.

    FC layers and layers after a global pool see the whole input in every design. If there is no such layer, it is the
    last one.
    """
    rows = [row for row in report.layers if not row.training_only] or list(report.layers)
    return next((row for row in reversed(rows) if row.sources and row.fields and not row.sees_all), rows[-1])


def default_measures() -> list[Measure]:
    """One measure for each key, with the default options; ``flops`` say no more than ``macs``."""
    return [Measure(key) for key in KEYS if key not in ("flops", ALLOW_STATED)]
