"""Optuna proposes designs; only those within the limits are trained.

Optuna (pip install optuna) asks for values, cnncalc computes what the design with these values costs, and a design over
a limit is pruned before it costs anything. Run: python examples/optuna_search.py
"""

from __future__ import annotations

from typing import Any

import optuna

import cnncalc

FAMILY = """
input: 32x32x3
variables: {width: 16, depth: 2, stages: 3}
layers: "[[CONV3-{width*2**i} -> BN -> RELU]*depth -> POOL2]*stages as i -> GAP -> FC-10"
"""
LIMITS = {"macs": "100M", "training_memory": "256MiB,batch=64,optimizer=adam"}


def objective(trial: optuna.Trial) -> float:
    """The score of a design that fits; raises TrialPruned for others."""
    variables = {
        "width": trial.suggest_int("width", 8, 128, step=8),
        "depth": trial.suggest_int("depth", 1, 6),
        "stages": trial.suggest_int("stages", 1, 5),
    }
    values = {name: [value] for name, value in variables.items()}
    (record,) = cnncalc.sweep("-", values, stdin=FAMILY, keys=["parameters"], max=LIMITS)
    trial.set_user_attr("figures", record.figures)
    if record.status != "ok":
        raise optuna.TrialPruned(record.reason)
    return score(variables, record.figures)


def score(variables: dict[str, Any], figures: dict[str, int]) -> float:
    """In place of the accuracy after training: many convolutions with few parameters."""
    return float(variables["depth"] * variables["stages"] - figures["parameters"] / 1e6)


def main() -> None:
    """Searches among 60 designs and prints the best one."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(objective, n_trials=60)
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    best = ", ".join(f"{name}={value}" for name, value in study.best_params.items())
    figures = ", ".join(f"{value:,} {key}" for key, value in study.best_trial.user_attrs["figures"].items())
    print(f"{len(study.trials)} designs proposed, {pruned} over the limits")
    print(f"best: {best} ({figures})")


if __name__ == "__main__":
    main()
