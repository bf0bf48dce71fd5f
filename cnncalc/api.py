"""The functions of the package: each is one pipeline call with its arguments checked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cnncalc import __version__
from cnncalc.arguments import (
    check_types,
    check_word,
    figure_options,
    items_of,
    limits_of,
    positive,
    ranges_of,
    settings_of,
    target_of,
    texts_of,
)
from cnncalc.errors import ValueProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from cnncalc.analysis.report import Report
    from cnncalc.graph import Graph
    from cnncalc.memory.fit import FitReport
    from cnncalc.memory.report import MemoryReport
    from cnncalc.run.prepared import PreparedNet
    from cnncalc.search.board_fit import BoardFit
    from cnncalc.search.formula import FormulaReport
    from cnncalc.search.solve import Solution
    from cnncalc.search.sweep import Record
    from cnncalc.volume import Volume


def load(
    target: str | os.PathLike[str],
    *,
    variables: Mapping[str, Any] | None = None,
    optional: bool | Sequence[bool] | None = None,
    input: Volume | Sequence[int] | Mapping[str, Volume | Sequence[int]] | None = None,
    filters: int | None = None,
    hidden: int | None = None,
    classes: int | None = None,
    phase: str = "test",
    partial: bool = False,
    stdin: str | None = None,
) -> Graph:
    """The graph of a design: its nodes in topological order, without volumes.

    ``target`` is the path of an architecture file, the name of a net (``"vgg16"``) or a pattern. ``variables`` override
    those of the file. ``optional`` keeps (True) or drops (False) every ``X?``, or each in order. ``input`` (height,
    width, depth), ``filters``, ``hidden`` and ``classes`` are the sizes that the design does not specify; ``input`` may
    hold the volumes of several inputs by name. ``phase`` (test, train) and ``partial`` are for model files of other
    programs. ``stdin`` is the text of the target ``-``.

    Raises DesignError with every problem of the text, ValueProblem for a wrong option.
    """
    check_types(load, locals())
    from cnncalc.checks import loading

    settings = settings_of(
        variables=variables,
        optional=optional,
        input=input,
        filters=filters,
        hidden=hidden,
        classes=classes,
        phase=phase,
        partial=partial,
    )
    return loading.load(target_of(target), settings, stdin)


def from_torch(
    module: Any, size: Volume | Sequence[int] | Mapping[str, Volume | Sequence[int]], *, partial: bool = False
) -> Graph:
    """The graph of a ``torch.nn.Module``, which is run once on meta tensors: no weights are needed or changed.

    ``size`` is the volume of its input (height, width, depth), or those of several inputs by the names of the
    parameters of ``forward``. ``partial`` reads unsupported operators as OPAQUE.

    Raises DesignError if PyTorch is missing, if the module cannot be run, or for unsupported operators.
    """
    from cnncalc.interop.torch_target import graph_of

    return graph_of(module, type(module).__name__, settings_of(input=size, partial=partial))


def from_onnx(path: str | os.PathLike[str], **options: Any) -> Graph:
    """The graph of an ONNX file, whatever its ending; ``options`` as for :func:`load`.

    Only the structure of the file is read, never its weights. Raises DesignError with every problem of the file.
    """
    check_types(from_onnx, locals())
    from cnncalc.analysis.loading import load_as

    return load_as(".onnx", os.fspath(path), settings_of(**options))


def analyze(
    design: Graph | str | os.PathLike[str],
    *,
    batch: int = 1,
    dtype: str = "float32",
    in_place: bool = True,
    **options: Any,
) -> Report:
    """The report of a design: volumes, activations, weights, multiply-adds, receptive fields, and totals.

    ``design`` is a graph from :func:`load`, or a target with the ``options`` of :func:`load`. Bytes are for ``batch``
    images of ``dtype`` (float32, float64, float16, bfloat16, int8); element counts are for one image. With
    ``in_place=False`` each activation function has a volume of its own.

    Raises DesignError for errors in the text or in the volumes, ValueProblem for an unknown data type.

    >>> analyze("vgg16").totals.parameters
    138357544
    """
    check_types(analyze, locals())
    from cnncalc.analysis.report import account
    from cnncalc.graph import Graph

    graph = design if isinstance(design, Graph) else load(design, **options)
    return account(graph, batch=positive("batch", batch) or 1, dtype=dtype, in_place=in_place)


def prepare(
    design: Graph | str | os.PathLike[str],
    *,
    weights: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    batch: int = 1,
    dtype: str = "float32",
    threads: int | None = None,
    **options: Any,
) -> PreparedNet:
    """A net ready to run in NumPy as at test time, many times and quickly.

    ``weights`` has the arrays of each layer by the names of layer and array, in the shapes of ``row.arrays`` of a
    report; None: random ones, drawn with ``seed``. ``batch`` is the number of images of a call, ``dtype`` float32 or
    float64, ``threads`` the most threads (None: one for each core). The other options are those of :func:`load`.

    The result is called with an array batch x sides x depth for each input by its name, or with the array alone where
    there is one input, and returns the outputs by name.

    Raises ValueProblem for wrong weights and options, DesignError as :func:`analyze`, and for a net that needs more
    memory than is available.

    >>> import numpy
    >>> net = prepare("INPUT 32x32x3 -> CONV5-6 -> RELU -> POOL -> FC-10 -> SOFTMAX")
    >>> net(numpy.zeros((1, 32, 32, 3)))["softmax1"].shape
    (1, 1, 1, 10)
    """
    check_types(prepare, locals())
    from cnncalc.run.processor import use_widest_kernels

    use_widest_kernels()
    from cnncalc.run.prepared import prepare as prepared
    from cnncalc.search.processes import available_cores

    report = analyze(design, batch=batch, dtype=dtype, **options)
    return prepared(
        report, weights, seed=positive("seed", seed, 0) or 0, threads=positive("threads", threads) or available_cores()
    )


def account_memory(
    design: Graph | str | os.PathLike[str],
    *,
    batch: int = 1,
    dtype: str = "float32",
    profile: str = "torch-cuda",
    optimizer: str = "momentum",
    style: str | None = None,
    weight_decay: bool = False,
    autocast: str | None = None,
    accumulate: int = 1,
    zero_grad: str = "start",
    checkpoint: str = "none",
    image_batches: int = 1,
    reserve: int | str | None = None,
    logs: bool = False,
    **options: Any,
) -> MemoryReport:
    """The memory of a training step and of inference, in bytes, by category.

    ``design`` and ``options`` are as for :func:`analyze`, the other parameters as for ``cnncalc memory``. Bytes are
    those of live tensors, exact for the profile; ``need_bytes`` are what a device must have, with ``reserve`` as for
    :func:`fit`. With ``logs``, training and inference have ``events``: the bytes after
    every operation.

    Raises DesignError as :func:`analyze` does, ValueProblem for wrong options.

    >>> account_memory("vgg16", batch=8).training.peak_bytes
    2219052032
    """
    check_types(account_memory, locals())
    from cnncalc.memory.options import read_reserve
    from cnncalc.memory.report import Options, check_options
    from cnncalc.memory.report import account_memory as account

    kept = read_reserve(reserve) if isinstance(reserve, str) else reserve
    chosen = Options(
        *(profile, batch, dtype, optimizer, style, weight_decay, autocast, accumulate, zero_grad, checkpoint),
        *(image_batches, kept),
    )
    check_options(chosen)
    return account(analyze(design, batch=batch, dtype=dtype, **options), chosen, logs=logs)


def fit(
    design: Graph | str | os.PathLike[str],
    memory: int | str,
    *,
    reserve: int | str | None = None,
    batch: int = 1,
    dtype: str = "float32",
    profile: str = "torch-cuda",
    optimizer: str = "momentum",
    autocast: str | None = None,
    accumulate: int = 1,
    checkpoint: str = "none",
    image_batches: int = 1,
    **options: Any,
) -> FitReport | Any:
    """The largest batch whose need is within ``memory``, and what else would help.

    ``memory`` is in bytes, or a text such as ``"8GiB"`` or ``"rtx-3090"``. ``reserve``: ``"auto"`` (what PyTorch's
    caching allocator reserves, a CUDA context and a workspace; the default for torch-cuda), or bytes that are added to
    live tensors (0 for the other profiles). Advice is computed for ``batch``.

    On a board (``"board:NAME"``) the result is a :class:`BoardFit`, for which ``Any`` stands in the signature: the
    ``figures`` of the net in int8, whether it ``fits``, and ``advice``. Only ``reserve``, in bytes, and the options of
    :func:`load` are allowed then.

    >>> fit("vgg16", "24GiB").training.largest_batch > 0
    True
    >>> fit("cifar-tiny", "board:raspberry-pi-pico", reserve=40 * 1024).fits
    True
    """
    check_types(fit, locals())
    from cnncalc.memory.boards import is_board

    if isinstance(memory, str) and is_board(memory):
        given = {
            "batch": batch != 1, "dtype": dtype != "float32", "profile": profile != "torch-cuda",
            "optimizer": optimizer != "momentum", "autocast": autocast is not None, "accumulate": accumulate != 1,
            "checkpoint": checkpoint != "none", "image_batches": image_batches != 1,
        }  # fmt: skip
        return _fit_board(design, memory, reserve, [name for name, is_given in given.items() if is_given], options)
    from cnncalc.memory.devices import read_memory
    from cnncalc.memory.fit import fit as fit_report
    from cnncalc.memory.options import read_reserve
    from cnncalc.memory.report import Options, check_options

    chosen = Options(
        profile=profile,
        batch=batch,
        dtype=dtype,
        optimizer=optimizer,
        autocast=autocast,
        accumulate=accumulate,
        checkpoint=checkpoint,
        image_batches=image_batches,
        reserve=read_reserve(reserve) if isinstance(reserve, str) else reserve,
    )
    check_options(chosen)
    room = read_memory(memory)[0] if isinstance(memory, str) else positive("memory", memory, 0) or 0
    return fit_report(analyze(design, batch=batch, dtype=dtype, **options), chosen, room)


def _fit_board(
    design: Graph | str | os.PathLike[str],
    memory: str,
    reserve: int | str | None,
    given: Sequence[str],
    options: Mapping[str, Any],
) -> BoardFit:
    """Whether a net fits a board. Of a graph no variables can change, so the advice has no smaller ones."""
    from cnncalc.graph import Graph
    from cnncalc.memory.boards import read_board
    from cnncalc.memory.options import read_reserve
    from cnncalc.search.board_fit import fit_board
    from cnncalc.search.family import Family

    board = read_board(memory)
    if given:
        message = f"{', '.join(given)}: a board runs a net in int8, image by image"
        raise ValueProblem(message, code="wrong-value", hint="leave it out")
    kept = read_reserve(reserve) if isinstance(reserve, str) else positive("reserve", reserve, 0) or 0
    if isinstance(kept, str):
        raise ValueProblem("reserve: expected bytes, since what a program takes on a chip is not known")
    if isinstance(design, Graph):
        return fit_board(None, analyze(design, **options), board, kept)
    stdin = options.get("stdin")
    settings = settings_of(**{name: value for name, value in options.items() if name != "stdin"})
    family = Family(target_of(design), settings, stdin)
    return fit_board(family, family.report({}), board, kept)


def solve(
    design: str | os.PathLike[str],
    ranges: Mapping[str, str | Sequence[Any]],
    *,
    max: Mapping[str, int | str] | None = None,
    min: Mapping[str, int | str] | None = None,
    memory: int | str | None = None,
    best: str | None = None,
    every: bool = False,
    batch: int = 1,
    dtype: str = "float32",
    profile: str = "torch-cuda",
    optimizer: str = "momentum",
    autocast: str | None = None,
    checkpoint: str = "none",
    image_batches: int = 1,
    reserve: int | str | None = None,
    stdin: str | None = None,
    **options: Any,
) -> Solution:
    """The member of a family of designs that is best within limits, as ``cnncalc solve`` finds it.

    ``ranges`` are the values of each variable, or of batch, input, filters, hidden, classes: a text such as
    ``"8..64/8"`` or ``"8,16,32"``, or a sequence. ``max`` and ``min`` are limits by the keys of budgets: numbers, or
    texts such as ``"8GiB,batch=16"``; ``memory`` (bytes, a size or a device) limits what training needs, and that of a
    board (``"board:NAME"``) its arena and flash. ``best`` is ``"max:KEY"`` or ``"min:KEY"``, by default the largest
    value of the only variable. The other parameters are those of the memory of limits that write none, and the
    ``options`` of :func:`load`.

    The result has ``best`` (None if nothing fits, with ``nearest`` and ``blame`` then) and ``next``, each with
    ``variables``, ``figures`` and ``limits``; ``is_complete`` tells whether every member that could be better was
    analysed. Raises DesignError for wrong ranges, limits and designs, ValueProblem for wrong options.

    >>> solve("mobilenet-v2", {"alpha": "0.25..2/0.05"}, max={"parameters": "4M"}).best.variables
    {'alpha': 1.05}
    """
    check_types(solve, locals())
    from cnncalc.search.family import Family
    from cnncalc.search.limits import bounds_of, memory_bounds
    from cnncalc.search.solve import solve as solution

    chosen = figure_options(locals())
    bounds = bounds_of(limits_of(max, min), chosen)
    if memory is not None:
        size = memory if isinstance(memory, str) else f"{positive('memory', memory)}B"
        bounds += memory_bounds(size, chosen)
    if not bounds:
        raise ValueProblem("solve needs a limit: max, min or memory", code="usage")
    if not items_of(ranges):
        raise ValueProblem("ranges: expected a variable with its values, as in {'width': '8..64'}", code="wrong-value")
    family = Family(target_of(design), settings_of(**options), stdin, requires_effect=False, with_hints=False)
    return solution(family, ranges_of(family, ranges), bounds, best, chosen, every=every)


def formula(
    target: str | os.PathLike[str],
    names: Sequence[str] | None = None,
    *,
    of: Sequence[str] = ("parameters", "macs", "activations"),
    at: str | None = None,
    batch: int = 1,
    dtype: str = "float32",
    stdin: str | None = None,
    **options: Any,
) -> FormulaReport:
    """The figures of a design as exact polynomials of its variables and of the sides of its input.

    ``names`` are variables, ``H``, ``W`` or other sides, ``depth``, ``batch``; None: all that are numbers. ``of`` are
    keys, ``at`` chooses residues, as for ``cnncalc formula``. ``target`` and ``options`` are as for :func:`load`.
    Polynomials are computed on numbers and on NumPy arrays, exactly.

    Raises DesignError for an invalid design, ValueProblem for unknown names and keys.

    >>> found = formula("INPUT[32x32x3] -> CONV3-w -> CONV3-w -> GAP -> FC-10", ["w"], of=["parameters"])
    >>> str(found.of("parameters").polynomial), found.of("parameters").polynomial(w=64)
    ('9*w^2 + 39*w + 10', 39370)
    """
    check_types(formula, locals())
    from cnncalc.memory.report import Options, check_options
    from cnncalc.search.formula import formulas

    of = texts_of("of", of)
    names = None if names is None else texts_of("names", names)
    chosen = Options(batch=positive("batch", batch) or 1, dtype=dtype)
    check_options(chosen, training=False)
    return formulas(
        target_of(target), names, tuple(of), settings=settings_of(**options), options=chosen, at=at, stdin=stdin
    )


def table(
    design: Graph | str | os.PathLike[str],
    format: str = "text",
    *,
    columns: str | Sequence[str] | None = None,
    depth: int | None = None,
    bars: bool = False,
    totals: bool = True,
    sort: str | None = None,
    top: int | None = None,
    units: str = "iec",
    **options: Any,
) -> str:
    """The table of a design, as ``cnncalc table --verbose`` prints it into a pipe.

    ``format`` is one of ``cnncalc table --format`` but ``rich``, ``units`` iec, notes or si; ``columns`` are keys such
    as ``("layer", "macs")``; the other parameters are as for the command. ``design`` and ``options`` are as for
    :func:`analyze`.

    Raises DesignError as :func:`analyze` does, ValueProblem for an unknown format, column, key or unit.

    >>> print(table("lenet5", "csv", columns=["layer", "macs"]).splitlines()[2])
    c1,117600
    """
    check_types(table, locals())
    from cnncalc.formats import FORMATS, is_exact, write
    from cnncalc.formats.document import chosen_columns
    from cnncalc.formats.notation import Notation
    from cnncalc.units import UNIT_STYLES
    from cnncalc.views.layer_table import COLUMNS, EXACT, checked_selection, table_document

    check_word("format", format, [name for name, each in FORMATS.items() if each.writer and not each.needs_terminal])
    check_word("units", units, UNIT_STYLES)
    chosen: Sequence[str] | None = EXACT if is_exact(format) and not bars else None
    if columns is not None:
        names: Any = columns if isinstance(columns, (list, tuple)) else [columns]
        if not all(isinstance(name, str) for name in names):
            raise ValueProblem(f"columns: expected keys of columns, found {columns!r:.60}", code="wrong-type")
        chosen = chosen_columns(",".join(names), COLUMNS)
    notation = Notation(units, ascii_only=FORMATS[format].is_ascii)
    selection = checked_selection(sort, positive("top", top))
    report = analyze(design, **options)
    return write(
        table_document(
            report,
            columns=chosen,
            depth=positive("depth", depth),
            bars=bars,
            totals=totals,
            notation=notation,
            selection=selection,
        ),
        format,
    )


def plot(
    design: Graph | str | os.PathLike[str],
    kind: str = "cost",
    *,
    width: int | None = None,
    depth: int | None = None,
    units: str = "iec",
    theme: str = "auto",
    **options: Any,
) -> str:
    """A drawing of a design as the text of an SVG file.

    ``kind`` is cost, training, inference, volumes or graph, as of ``cnncalc plot``; ``width`` is in pixels, ``units``
    are iec, notes or si, ``theme`` is auto, light or dark. ``design`` and ``options`` are as for :func:`analyze`, for
    training and inference as for :func:`account_memory`.

    Raises DesignError as :func:`analyze` does, ValueProblem for wrong options and designs that cannot be drawn.

    >>> plot("lenet5", "volumes").startswith("<svg ")
    True
    """
    check_types(plot, locals())
    from cnncalc.drawings import OVER_TIME, draw
    from cnncalc.units import UNIT_STYLES

    check_word("units", units, UNIT_STYLES)
    memory = account_memory(design, logs=True, **options) if kind in OVER_TIME else None
    report = analyze(design, **options) if memory is None else memory.report
    return draw(report, kind, memory=memory, width=width, depth=positive("depth", depth), units=units, theme=theme)


def sweep(
    design: str | os.PathLike[str],
    vary: Mapping[str, str | Sequence[Any]] | None = None,
    *,
    rows: str | os.PathLike[str] | None = None,
    where: str | Sequence[str] = (),
    sample: int | None = None,
    method: str = "random",
    seed: int = 0,
    keys: Sequence[str] = (),
    max: Mapping[str, int | str] | None = None,
    min: Mapping[str, int | str] | None = None,
    points: str | os.PathLike[str] | None = None,
    executor: str | Executor = "serial",
    batch: int = 1,
    dtype: str = "float32",
    profile: str = "torch-cuda",
    optimizer: str = "momentum",
    autocast: str | None = None,
    checkpoint: str = "none",
    image_batches: int = 1,
    reserve: int | str | None = None,
    stdin: str | None = None,
    **options: Any,
) -> Iterator[Record]:
    """The members of a family, one record for each as soon as it is computed, in the order of enumeration.

    ``vary`` maps each name to its values: a sequence, or a text such as ``"8..64/8"`` or ``"8,16,32"``. ``rows`` is a
    CSV file of points instead. ``keys`` are those of budgets (default: parameters, macs, activations), ``max`` and
    ``min`` map them to limits such as ``4_000_000`` or ``"8GiB,batch=32"``. A record has ``variables``, ``figures``
    (counts for one image, or bytes), ``status`` (ok, over, broken) and ``reason``. With ``points`` the records are also
    written to that file, and those which stand in it are read. The other parameters are as for ``cnncalc sweep``,
    ``options`` as for :func:`load`. The call is checked when the first record is asked for.

    Raises DesignError for a target that cannot be read, an unknown name or a file of another sweep, ValueProblem for
    wrong options.

    >>> [record.figures["parameters"] for record in sweep("INPUT 4x4x3 -> CONV3-{w}", {"w": [1, 2]})]
    [28, 56]
    """
    check_types(sweep, locals())
    from cnncalc.search.family import Family
    from cnncalc.search.points import METHODS, Sample
    from cnncalc.search.pointsfile import PointsFile
    from cnncalc.search.sweep import SweepRequest, look_up, plan_of, records

    check_word("method", method, METHODS)
    if not isinstance(executor, str) and not hasattr(executor, "submit"):
        message = f"executor: expected a text or a concurrent.futures.Executor, found {executor!r:.60}"
        raise ValueProblem(message, code="wrong-type")
    family = Family(target_of(design), settings_of(**options), stdin)
    request = SweepRequest(
        vary=tuple(ranges_of(family, dict(items_of(vary)))),
        listed=None if rows is None else os.fspath(rows),
        shown="" if rows is None else os.fspath(rows),
        sample=None if sample is None else Sample(positive("sample", sample) or 1, method, seed),
        where=(where,) if isinstance(where, str) else texts_of("where", where, "expressions"),
        keys=(keys,) if isinstance(keys, str) else texts_of("keys", keys),
        limits=tuple(limits_of(max, min)),
        options=figure_options(locals()),
    )
    plan = plan_of(request, family, stdin)
    look_up(family, plan.points)
    if points is None:
        yield from records(plan, executor)
        return
    path = os.fspath(points)
    file = PointsFile(path, path, plan.header(__version__, family), plan.points.names, plan.keys)
    try:
        yield from records(plan, executor, file)
    finally:
        file.close()
