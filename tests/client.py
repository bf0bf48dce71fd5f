"""A program that uses the package as its users do; ``.ci/typed-client`` checks and runs it against an installed wheel.

What the package gives is typed throughout: each comment in `wrong_uses` would be one too many if a type were Any.
"""

from __future__ import annotations

import cnncalc

PATTERN = "INPUT 32x32x3 -> [CONV3-{w} -> BN -> RELU]*2 -> GAP -> FC-10"


def costs(target: str, batch: int = 8) -> dict[str, int]:
    """The figures of a design by their names: counts for one image, bytes for the batch."""
    graph: cnncalc.Graph = cnncalc.load(target, variables={"w": 16})
    report: cnncalc.Report = cnncalc.analyze(graph, batch=batch, dtype="float16")
    memory: cnncalc.MemoryReport = cnncalc.account_memory(graph, batch=batch, optimizer="adam", logs=True)
    assert memory.training is not None
    return {
        "layers": len(report.layers),
        "parameters": report.totals.parameters,
        "macs": report.totals.macs,
        "training bytes": memory.training.peak_bytes,
        "events": len(memory.training.events),
    }


def rows(report: cnncalc.Report) -> list[str]:
    """A line for each layer."""
    return [
        f"{row.name}: {row.kind} {'x'.join(map(str, row.output))} {row.weights + row.biases:,}" for row in report.layers
    ]


def largest(limit: int) -> int | None:
    """The largest w whose parameters are within a limit."""
    solution: cnncalc.Solution = cnncalc.solve(PATTERN, {"w": "8..64/8"}, max={"parameters": limit})
    if solution.best is None:
        return None
    value = solution.best.variables["w"]
    assert isinstance(value, int)
    return value


def wrong_uses(report: cnncalc.Report, memory: cnncalc.MemoryReport) -> None:
    """Uses that the type checker has to refuse."""
    _: str
    _ = report.totals.parameters  # type: ignore[assignment]
    _ = report.layers[0].output  # type: ignore[assignment]
    _ = memory.inference.peak_bytes  # type: ignore[assignment]
    _ = cnncalc.solve(PATTERN, {"w": "8..64"}).analysed  # type: ignore[assignment]
    _ = next(cnncalc.sweep(PATTERN, {"w": [8]})).figures  # type: ignore[assignment]
    _ = cnncalc.fit("vgg16", 1).inference.largest_batch  # type: ignore[assignment]
    _ = cnncalc.Volume(9, 11, 3).depth  # type: ignore[assignment]
    _ = cnncalc.load("vgg16").nodes[0]  # type: ignore[assignment]
    cnncalc.analyze(3)  # type: ignore[arg-type]
    cnncalc.table("vgg16", columns=3)  # type: ignore[arg-type]
    _ = cnncalc.nothing  # type: ignore[attr-defined]


def main() -> None:
    """Prints what the functions of the package give, and how they fail."""
    print(costs(PATTERN))
    print("\n".join(rows(cnncalc.analyze("lenet5"))))
    print(largest(5_000))
    found: cnncalc.FitReport = cnncalc.fit("vgg16", "24GiB")
    print(found.training.largest_batch if found.training is not None else None)
    polynomials: cnncalc.FormulaReport = cnncalc.formula(PATTERN, ["w"], of=["parameters"])
    print(polynomials.of("parameters").polynomial)
    for record in cnncalc.sweep(PATTERN, {"w": [8, 16]}):
        print(record.status, record.figures)
    size: cnncalc.Volume = cnncalc.Volume(9, 11, 3)
    print(size.depth, cnncalc.table("lenet5", "csv", columns=["layer", "macs"]).splitlines()[2])
    print(len(cnncalc.plot("lenet5", "volumes", width=640)) > 1000)
    try:
        cnncalc.analyze("INPUT 9x9x3 -> CONV99-4(pad=0)")
    except cnncalc.DesignError as error:
        first: cnncalc.Problem = error.problems[0]
        print(first.code, first.span.column if first.span is not None else 0, first.hint)
    try:
        cnncalc.analyze("lenet5", dtype="int3")
    except cnncalc.ValueProblem as problem:
        print(problem.message)


if __name__ == "__main__":
    main()
