"""What other programs count of our nets and layers: runs them and writes their figures for the tests.

    python -m benchmarks.conventions [NAME ...]

Runs torchinfo, thop, ptflops and fvcore on the code that ``convert --to torch`` writes, and onnx-tool on the model that
``convert --to onnx`` writes, with weights of zeros: for each named net, each layer of the tests and some more nets. It
writes parameters and operations, and the versions of the programs, to ``tests/interop/conventions.json``, or in place
of figures the error with which a program stops, and prints how many of ours are equal. With words only nets and kinds
of these names are run (``nets``: those without a name), and the other figures stay. It needs all five programs, PyTorch
and onnx, and takes about five minutes.

Modules are on the device meta, which computes nothing, where a program counts the same there.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import logging
import re
import sys
import warnings
from collections import Counter
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cnncalc
from cnncalc.interop.conventions import counted
from cnncalc.interop.exporters import ExportOptions
from cnncalc.interop.torch_source import torch_source
from cnncalc.language import catalogue
from tests.interop.convention_nets import NETS, layers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cnncalc.analysis.report import Report

DATA = Path("tests/interop/conventions.json")


def module(report: Report, device: str) -> Any:
    """The module of a net."""
    import torch

    names: dict[str, Any] = {"__name__": "generated"}
    exec(torch_source(report.resolved, ExportOptions()), names)  # noqa: S102 (our own code)
    with torch.device(device):
        return names["Net"]().eval()


def images(report: Report, device: str) -> list[Any]:
    """An image for each input."""
    import torch

    inputs = [row.output for row in report.layers if row.layer.is_input]
    return [torch.zeros(1, volume.depth, *volume.sides, device=device) for volume in inputs]


def torchinfo(report: Report) -> tuple[int, int]:
    """Parameters and operations by torchinfo."""
    summary = import_module("torchinfo").summary
    found = summary(module(report, "meta"), input_data=images(report, "meta"), verbose=0, device="meta")
    return found.total_params, found.total_mult_adds


def thop(report: Report) -> tuple[int, int]:
    """Parameters and operations by thop."""
    profile = import_module("thop").profile
    operations, parameters = profile(module(report, "meta"), tuple(images(report, "meta")), verbose=False)
    return int(parameters), int(operations)


def ptflops(report: Report) -> tuple[int, int]:
    """Parameters and operations by ptflops; on the device meta PyTorch itself calls functions that it counts."""
    count = import_module("ptflops").get_model_complexity_info
    net, given = module(report, "cpu"), images(report, "cpu")
    names = list(inspect.signature(net.forward).parameters)

    def make(_: Any) -> Any:
        return given[0] if len(given) == 1 else dict(zip(names, given, strict=True))

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        operations, parameters = count(net, (1,), as_strings=False, print_per_layer_stat=False, input_constructor=make)
    if operations is None:
        raise RuntimeError(printed.getvalue())
    return int(parameters), int(operations)


def fvcore(report: Report) -> tuple[int, int]:
    """Parameters and operations by fvcore, which cannot trace on the device meta."""
    counters = import_module("fvcore.nn")
    net = module(report, "cpu")
    analysis = counters.FlopCountAnalysis(net, tuple(images(report, "cpu")))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return counters.parameter_count(net)[""], int(analysis.total())


def onnx_tool(report: Report) -> tuple[int, int]:
    """Parameters and operations by onnx-tool, as its command gives them."""
    import numpy as np

    from cnncalc.interop.onnx_writer import onnx_model

    tool = import_module("onnx_tool")
    graph = tool.loadmodel(onnx_model(report.resolved, ExportOptions(weights="zeros")), {"verbose": False}).graph
    graph.graph_reorder_nodes()
    inputs = [row for row in report.layers if row.layer.is_input]
    graph.shape_infer({row.name: np.zeros((1, row.output.depth, *row.output.sides), "float32") for row in inputs})
    graph.profile(exclude_ops=tool.NoMacsOps)
    return int(graph.params), round(graph.macs[0])


TOOLS: dict[str, Callable[[Report], tuple[int, int]]] = {
    "torchinfo": torchinfo,
    "thop": thop,
    "ptflops": ptflops,
    "fvcore": fvcore,
    "onnx-tool": onnx_tool,
}


def figures(report: Report) -> dict[str, Any]:
    """Parameters and operations by each program, or the error with which it stops.

    Raises SystemExit for a program that is not installed, or that lacks a package.
    """
    found: dict[str, Any] = {}
    for tool, run in TOOLS.items():
        try:
            found[tool] = run(report)
        except ImportError as error:
            raise SystemExit(f"{tool} cannot be run: {error}") from error
        except Exception as error:  # noqa: BLE001 (whatever the program raises)
            found[tool] = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
    return found


def subjects(words: Sequence[str]) -> Iterator[tuple[str, Report]]:
    """What is counted, by its name: the named nets, more nets, and layers."""
    for name in (*catalogue.names(), *NETS):
        if not words or name in words or (name in NETS and "nets" in words):
            yield name, cnncalc.analyze(name)
    for name, graph in layers():
        if not words or graph.nodes[-1].kind in words:
            yield name, cnncalc.analyze(graph)


def numbers(name: str) -> str:
    """The numbers of the version of a package."""
    return re.sub(r"[^\d.].*|\.\D.*", "", version(name))


def write(found: dict[str, Any]) -> None:
    """Writes the figures, one net or layer a line."""
    versions = {name: numbers(name) for name in TOOLS}
    libraries = {name: numbers(name) for name in ("torch", "onnx")}
    lines = [f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in found.items()]
    head = f' "tools": {json.dumps(versions)},\n "libraries": {json.dumps(libraries)},\n "figures": {{\n'
    DATA.write_text("{\n" + head + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")


def state(report: Report, tool: str, figure: Any) -> str:
    """Whether our figure is ``equal``, or may be another, ``warned``; else ``DIFFERENT``."""
    ours = counted(tool, report)
    if not isinstance(figure, str) and (ours.parameters, ours.macs) == tuple(figure):
        return "equal"
    if ours.doubts():
        return "warned"
    print(f"{report.name}: {tool} {figure}, ours {ours.parameters, ours.macs}", flush=True)
    return "DIFFERENT"


def main() -> None:
    """Runs the programs, writes their figures, and prints how many of ours are equal."""
    import torch

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    words = sys.argv[1:]
    found = json.loads(DATA.read_text(encoding="utf-8"))["figures"] if words else {}
    states: dict[str, Counter[str]] = {tool: Counter() for tool in TOOLS}
    for name, report in subjects(words):
        found[name] = figures(report)
        for tool, figure in found[name].items():
            states[tool][state(report, tool, figure)] += 1
        write(found)
    for tool, counts in states.items():
        print(tool, dict(counts))


if __name__ == "__main__":
    main()
