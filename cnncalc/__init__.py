"""cnncalc: reads the design of a convolutional network and computes what it costs.

>>> import cnncalc
>>> report = cnncalc.analyze("INPUT[32x32x3] -> CONV5-6 -> RELU -> POOL -> FC-10")
>>> report.totals.parameters
15826

:func:`load` returns the :class:`~cnncalc.graph.Graph` of a design, :func:`analyze` its
:class:`~cnncalc.analysis.report.Report` with one row per layer and totals. :func:`account_memory` and :func:`fit`
compute the memory of running and training it, :func:`table` and :func:`plot` show it, :func:`prepare` makes it ready
to run in NumPy. Errors in a design raise :class:`DesignError` with one :class:`Problem` each.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cnncalc.analysis.report import LayerReport, Report, Totals
    from cnncalc.api import (
        account_memory,
        analyze,
        fit,
        formula,
        from_onnx,
        from_torch,
        load,
        plot,
        prepare,
        solve,
        sweep,
        table,
    )
    from cnncalc.errors import CnncalcError, DesignError, Problem, ShapeError, ValueProblem
    from cnncalc.graph import Graph, Node
    from cnncalc.memory.fit import FitReport
    from cnncalc.memory.report import MemoryReport
    from cnncalc.run.prepared import PreparedNet
    from cnncalc.search.board_fit import BoardFit
    from cnncalc.search.formula import FormulaReport
    from cnncalc.search.solve import Solution
    from cnncalc.search.sweep import Record
    from cnncalc.volume import Volume

__version__ = "0.1.0"

__all__ = [
    "BoardFit", "CnncalcError", "DesignError", "FitReport", "FormulaReport", "Graph", "LayerReport", "MemoryReport",
    "Node", "PreparedNet", "Problem", "Record", "Report", "ShapeError", "Solution", "Totals", "ValueProblem",
    "Volume", "__version__", "account_memory", "analyze", "fit", "formula", "from_onnx", "from_torch", "load", "plot",
    "prepare", "solve", "sweep", "table",
]  # fmt: skip

_MODULES = {
    "BoardFit": "cnncalc.search.board_fit",
    "CnncalcError": "cnncalc.errors",
    "DesignError": "cnncalc.errors",
    "FitReport": "cnncalc.memory.fit",
    "FormulaReport": "cnncalc.search.formula",
    "Graph": "cnncalc.graph",
    "LayerReport": "cnncalc.analysis.report",
    "MemoryReport": "cnncalc.memory.report",
    "Node": "cnncalc.graph",
    "PreparedNet": "cnncalc.run.prepared",
    "Problem": "cnncalc.errors",
    "Record": "cnncalc.search.sweep",
    "Report": "cnncalc.analysis.report",
    "ShapeError": "cnncalc.errors",
    "Solution": "cnncalc.search.solve",
    "Totals": "cnncalc.analysis.report",
    "ValueProblem": "cnncalc.errors",
    "Volume": "cnncalc.volume",
}
"""Where names lie that are not in :mod:`cnncalc.api`.

Importing the package loads no module, so that the program is soon where it takes care of interrupts.
"""


if not TYPE_CHECKING:  # to a type checker any name would exist

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'cnncalc' has no attribute '{name}'")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_MODULES.get(name, "cnncalc.api")), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
