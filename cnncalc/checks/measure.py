"""What a budget limits, measured on a report; and which layers contribute most to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.checks.budget import UNIT_OF, Measure
from cnncalc.checks.findings import Share
from cnncalc.memory.optimizers import optimizer_named
from cnncalc.memory.report import STEP, Options, Simulation, notes_rule
from cnncalc.units import bytes_per_element

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report

MOST_SHARES = 3
"""So many layers are named."""


def options_of(measure: Measure) -> Options:
    """The options of a measure of memory."""
    return Options(profile=measure.profile, batch=measure.batch, dtype=measure.dtype, optimizer=measure.optimizer)


class Meter:
    """Measures one net; what was worked out once is kept."""

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
            self._values[measure] = self._measured(measure)
        return self._values[measure]

    def _measured(self, measure: Measure) -> int:
        report, key = self.report, measure.key
        totals = report.totals
        if key in ("parameters", "weights", "macs", "activations"):
            return int(getattr(totals, key))
        if key == "layers":
            return sum(row.layer.counts_macs for row in report.layers)
        if key == "receptive_field":
            return min(seen_last(report).receptive_field)
        if key == "parameter_memory":
            return totals.parameters * bytes_per_element(measure.dtype)
        if key == "activation_memory":
            return totals.activations * measure.batch * bytes_per_element(measure.dtype)
        options = options_of(measure)
        if measure.profile == "notes":
            rule = notes_rule(report, options)
            return rule.inference_bytes if key == "inference_memory" else rule.training_bytes
        simulation = self.simulation(options)
        if key == "inference_memory":
            return simulation.inference(measure.batch).peak_bytes
        return simulation.training(measure.batch).peak_bytes

    def shares(self, measure: Measure) -> tuple[Share, ...]:
        """The layers that contribute most, largest first."""
        found = [(size, -row.index) for row, size in zip(self.report.layers, self._parts(measure), strict=True) if size]
        return tuple(
            Share(self.report.layers[-place].name, size) for size, place in sorted(found, reverse=True)[:MOST_SHARES]
        )

    def _parts(self, measure: Measure) -> list[int]:
        """What each row contributes."""
        rows, key = self.report.layers, measure.key
        if key in ("parameters", "weights", "macs"):
            return [int(getattr(row, key)) for row in rows]
        if key in ("layers", "receptive_field"):
            return [0] * len(rows)
        each = bytes_per_element(measure.dtype)
        if key == "activations":
            return [0 if row.in_place else row.activations for row in rows]
        parameters = [row.parameters * each for row in rows]
        if key == "parameter_memory":
            return parameters
        activations = [0 if row.in_place else row.activations * measure.batch * each for row in rows]
        if key == "activation_memory":
            return activations
        is_training = key == "training_memory"
        if measure.profile == "notes":
            twice, thrice = (2, 3) if is_training else (1, 1)
            return [twice * a + thrice * p for a, p in zip(activations, parameters, strict=True)]
        simulation = self.simulation(options_of(measure))
        learned = [row.trainable * each for row in rows]
        if not is_training:
            held = simulation.held_by_layer(measure.batch, training=False)
            return [p + held.get(row.index, 0) for row, p in zip(rows, parameters, strict=True)]
        state = optimizer_named(measure.optimizer).state
        if simulation.training(measure.batch).peak_at == STEP:
            return [p + (1 + state) * t for p, t in zip(parameters, learned, strict=True)]
        held = simulation.held_by_layer(measure.batch)
        return [p + state * t + held.get(row.index, 0) for row, p, t in zip(rows, parameters, learned, strict=True)]


def seen_last(report: Report) -> LayerReport:
    """The layer whose receptive field a budget means.

    The last one that looks through windows: layers behind a global pool or in an FC part see the whole input whatever
    the design is, so they say nothing about it. Without any window it is the last layer. What runs in training alone
    is left out.
    """
    rows = [row for row in report.layers if not row.training_only] or list(report.layers)
    return next((row for row in reversed(rows) if row.reach is not None and row.kind != "input"), rows[-1])


def usual_measures() -> list[Measure]:
    """One measure for each key, with the usual options."""
    return [Measure(key) for key in UNIT_OF]
