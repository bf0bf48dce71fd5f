"""The options that several commands share."""

from __future__ import annotations

from itertools import chain

from cnncalc.cli.command import Group, Option, choice, format_of, switch, whole_number
from cnncalc.errors import Problem, ValueProblem, in_every, no_effect
from cnncalc.formats import FORMATS, is_exact
from cnncalc.layers.keys import is_volume_size
from cnncalc.records import NamedTuple
from cnncalc.units import BYTES_PER_ELEMENT, UNIT_STYLES, check_digits, plural
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.cli.console import Console
    from cnncalc.formats.document import Document
    from cnncalc.formats.notation import Notation
    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings


def _assignment(text: str) -> tuple[str, str]:
    """NAME=VALUE"""
    name, sign, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not sign or not name or not value:
        raise ValueProblem(f"expected NAME=VALUE, found '{text[:60]}'")
    if not name.isidentifier():
        raise ValueProblem(f"'{name[:60]}' is not a variable name, which has letters, digits and '_'")
    return name, value


def _assignments(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Assignments, each name once."""
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueProblem(f"'{name}' is set twice")
        seen.add(name)
    return tuple(pairs)


def _choices(text: str) -> bool | tuple[bool, ...]:
    """keep, drop, or yes and no for each occurrence."""
    from cnncalc.layers.keys import truth

    if text in ("keep", "drop"):
        return text == "keep"
    answers = [truth(part.strip()) for part in text.split(",")]
    if None in answers:
        raise ValueProblem(f"expected keep, drop or a list such as yes,no,yes, found '{text[:60]}'")
    return tuple([answer is True for answer in answers])


def _volume(text: str) -> Volume:
    """HxWxD, each part at least 1."""
    check_digits(text)
    parts = text.strip().strip("[]").replace("\u00d7", "x").split("x")
    sizes = [int(part) for part in parts if part.isascii() and part.isdigit()]
    if len(sizes) < len(parts) or not is_volume_size(sizes):
        meant = _volume_of_list(text)
        message = f"expected sides and depth, as in 224x224x3 or 16000x1, found '{text[:60]}'"
        raise ValueProblem(message, hint=f"--input {meant}" if meant else None)
    if not all(sizes):
        raise ValueProblem(f"each part of a volume is at least 1, found '{text[:60]}'")
    return Volume(*sizes)


def _volume_of_list(text: str) -> str | None:
    """The volume that a list of sizes means: ``64,64,3``, or with the depth first ``3,64,64`` and ``1,3,64,64``."""
    for sign in "X*, ;":
        text = text.replace(sign, "x")
    parts = [part for part in text.strip("()[]").split("x") if part]
    sizes = [int(part) for part in parts if part.isascii() and part.isdigit()]
    if len(sizes) < len(parts) or not all(sizes):
        return None
    image = sizes[1:] if len(sizes) == IMAGE + 1 and sizes[0] == 1 else sizes
    if len(image) == IMAGE and image[0] in DEPTHS and image[-1] not in DEPTHS:
        sizes = [*image[1:], image[0]]
    return "x".join(map(str, sizes)) if is_volume_size(sizes) else None


IMAGE = 3
"""Sizes of an image: height, width, depth."""

DEPTHS = (1, 3)
"""Depths of images: a list that begins with one, perhaps after a batch of 1, has its depth first."""


def _input(text: str) -> tuple[str, Volume]:
    """The name of an input, empty for the first one, and its volume."""
    name, sign, size = text.rpartition("=")
    if sign and not name.strip():
        raise ValueProblem(f"expected NAME=HxWxD, found '{text[:60]}'")
    return name.strip(), _volume(size)


def _inputs(pairs: Sequence[tuple[str, Volume]]) -> tuple[tuple[str, Volume], ...]:
    """Volumes of inputs, each input once."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueProblem(f"the input '{name}' is set twice" if name else "the input is set twice")
    return tuple(pairs)


class DesignOptions(NamedTuple):
    """How a design is read: :data:`DESIGN`."""

    variables: tuple[tuple[str, str], ...] = ()
    optional: bool | tuple[bool, ...] | None = None
    input: tuple[tuple[str, Volume], ...] = ()
    filters: int | None = None
    hidden: int | None = None
    classes: int | None = None
    phase: str = "test"
    partial: bool = False

    def settings(self) -> Settings:
        """The same for the language."""
        from cnncalc.language.assignment import variable
        from cnncalc.language.settings import Settings

        variables = {name: variable(name, text) for name, text in self.variables}
        inputs = dict(self.input)
        first = inputs.pop("", None)
        sizes = (self.filters, self.hidden, self.classes)
        return Settings(variables, self.optional, first, *sizes, inputs, self.partial, self.phase)

    def words(self) -> list[str]:
        """The words of a call with these options."""
        words = []
        for name, text in self.variables:
            words += ["--set", f"{name}={text}"]
        if self.optional is not None:
            kept = "keep" if self.optional else "drop"
            if not isinstance(self.optional, bool):
                kept = ",".join(["yes" if each else "no" for each in self.optional])
            words += ["--optional", kept]
        for name, volume in self.input:
            words += ["--input", f"{name}={volume.size}" if name else volume.size]
        for flag in ("filters", "hidden", "classes"):
            size = getattr(self, flag)
            words += [] if size is None else [f"--{flag}", str(size)]
        words += [] if self.phase == "test" else ["--phase", self.phase]
        return [*words, *(["--partial"] if self.partial else [])]


DESIGN = Group(
    "design",
    DesignOptions,
    (
        Option("--set", "variables", "Set a variable of the design; repeatable.", "NAME=VALUE",
               _assignment, repeated=True, gather=_assignments),
        Option("--optional", "optional", "Parts marked with '?': keep (default) or drop all, or yes,no,... in order.",
               "keep|drop|LIST", _choices),
        Option("--input", "input", "Volume of the input in elements (default: the design's, or 224x224x3); with a name "
               "that of one of several inputs.", "[NAME=]HxWxD", _input, repeated=True, gather=_inputs),
        Option("--filters", "filters", "Filters of a CONV without a number (default: 64).", "N", whole_number),
        Option("--hidden", "hidden", "Units of a hidden FC without a number (default: 4096).", "N", whole_number),
        Option("--classes", "classes", "Units of a last FC without a number (default: 1000).", "N", whole_number),
        choice("--phase", ("test", "train"), "Which layers of a Caffe file (default: test)."),
        switch("--partial", "Read unsupported operators of a model file as OPAQUE, with a warning."),
    ),
)  # fmt: skip  # one option in one or two lines


class SideOptions(NamedTuple):
    """Variables of only one of two nets: :data:`SIDES`."""

    set_before: tuple[tuple[str, str], ...] = ()
    set_after: tuple[tuple[str, str], ...] = ()

    def designs(self, design: DesignOptions) -> tuple[DesignOptions, DesignOptions]:
        """How each of the nets is read; ValueProblem for a variable that --set sets, too."""
        both = dict(design.variables)
        for flag, own in (("--set-before", self.set_before), ("--set-after", self.set_after)):
            for name, _ in own:
                if name in both:
                    message = f"'{name}' is set for both nets by --set, and for one by {flag}"
                    raise ValueProblem(message, code="usage", hint="set it with --set-before and --set-after")
        before, after = [design._replace(variables=(*design.variables, *own)) for own in self]
        return before, after

    def warnings(self, reports: Sequence[Report]) -> list[Problem]:
        """The warnings of both nets: those about --set only if it has no effect in both, those about one net always."""
        of_one: list[Problem] = []
        of_both = []
        for flag, own, report in zip(("--set-before", "--set-after"), self, reports, strict=True):
            mine = [each for name, _ in own for each in _unread(name, report)]
            of_one += [each._replace(message=flag + each.message.removeprefix("--set")) for each in mine]
            of_both.append([each for each in report.warnings if each not in mine])
        return [*dict.fromkeys(chain(*in_every(of_both))), *of_one]

    def with_effect(self, reports: Sequence[Report]) -> list[list[tuple[str, str]]]:
        """The variables of each net that it reads."""
        return [[one for one in own if not _unread(one[0], net)] for own, net in zip(self, reports, strict=True)]


def _unread(name: str, report: Report) -> list[Problem]:
    """The warnings that a variable of the call has no effect."""
    return [each for each in report.warnings if each.about == name and each.message.startswith("--set")]


SIDES = Group(
    "sides",
    SideOptions,
    (
        Option("--set-before", "set_before", "Set a variable of the first net only; repeatable.", "NAME=VALUE",
               _assignment, repeated=True, gather=_assignments),
        Option("--set-after", "set_after", "Set a variable of the second net only; without AFTER both are one design.",
               "NAME=VALUE", _assignment, repeated=True, gather=_assignments),
    ),
)  # fmt: skip  # one option in one or two lines


class ReportOptions(NamedTuple):
    """How the layer report counts: :data:`REPORT`."""

    batch: int = 1
    dtype: str = "float32"
    in_place: bool = True


BATCH = Option("--batch", "batch", "Images in a batch (default: 1).", "N", whole_number)

DTYPE = choice("--dtype", tuple(BYTES_PER_ELEMENT), "Data type (default: float32).")

REPORT = Group(
    "report",
    ReportOptions,
    (BATCH, DTYPE, switch("--in-place", "Whether activation functions share their input's memory (default: yes).")),
)


class OutputOptions(NamedTuple):
    """Output; ``format`` None: by the terminal or the ending of ``file``; ``file`` None: standard output."""

    format: str | None = None
    file: str | None = None
    brief: bool | None = None
    heading: bool = True
    caption: str | None = None
    label: str | None = None
    bare: bool = False
    fit_width: bool = False

    @property
    def lines(self) -> str:
        """Which lines stand below a table: ``main`` ones, ``all`` or ``none``."""
        return "main" if self.brief is None else "none" if self.brief else "all"

    def written(self, document: Document) -> Document:
        """The document as the options say: its heading, its lines below the table, and its form in LaTeX."""
        from cnncalc.formats.document import TexForm

        for name, value in (("caption", self.caption), ("label", self.label)):
            if value is not None and self.bare:
                message = f"--{name} names a floating table, and --bare writes none"
                raise ValueProblem(message, code="usage", hint=f"leave out --bare or --{name}")
        if self.format != "latex":
            given = {"caption": self.caption, "label": self.label, "bare": self.bare, "fit-width": self.fit_width}
            for name, chosen in given.items():
                if chosen:
                    raise ValueProblem(f"--{name} needs --format latex", code="usage", hint="add --format latex")
        if not self.heading:
            document = document._replace(heading=())
        tex = TexForm(self.caption, self.label, self.bare, self.fit_width)
        return document.with_lines(self.lines)._replace(tex=tex)

    @property
    def to_stdout(self) -> bool:
        """Whether the output goes to standard output."""
        return self.file in (None, "-")

    def require_columns(self, **options: object) -> None:
        """Raises ValueProblem if an option that chooses columns is given with JSON, which always has every key."""
        for name, value in options.items():
            if value and self.format == "json":
                message = f"--{name} needs a format with rows and columns; --format json always has every key"
                raise ValueProblem(message, code="usage")


OUTPUT = Option("--output", "file", "Write to a file instead of standard output.", "FILE", letter="-o")


def _label(text: str) -> str:
    """A name that LaTeX takes as a label."""
    if not text or not all(letter.isascii() and (letter.isalnum() or letter in ":-_.+/") for letter in text):
        raise ValueProblem(f"a label holds letters, digits and : - _ . + /, found '{text[:60]}'")
    return text


def file_option(format: str) -> Group:
    """``--output`` of a command with one format."""

    def make(file: str | None = None) -> OutputOptions:
        format_of(file, (format,))
        return OutputOptions(None, file)

    return Group("output", make, (OUTPUT,))


def output_options(*formats: str, also: tuple[str, ...] = ()) -> Group:
    """``--format``, one of ``formats``, and ``--output``, whose ending is the default of the format.

    ``also`` are further endings of files that the command writes.
    """

    def make(format: str | None = None, file: str | None = None, **more: Any) -> OutputOptions:
        return OutputOptions(format_of(file, formats, format, also), file, **more)

    default = "rich on a terminal, else text" if "rich" in formats else f"else {formats[0]}"
    default = (
        f"from the ending of FILE, {default}" if any(FORMATS[name].endings for name in formats[1:]) else formats[0]
    )
    options = (choice("--format", formats, f"Output format (default: {default})."), OUTPUT)
    return Group("output", make, (*options, *DOCUMENT) if "latex" in formats else options)


DOCUMENT = (
    switch("--brief", "No lines below the table, or --verbose: all (default: the three main ones).",
           opposite="--verbose"),
    switch("--heading", "Lines above the table (default: yes)."),
    Option("--caption", "caption", "Caption of a LaTeX table (default: the heading).", "TEXT"),
    Option("--label", "label", "Label of a LaTeX table, for \\ref.", "NAME", _label),
    switch("--bare", "A LaTeX tabular alone, without float, caption and lines.", opposite="--float"),
    switch("--fit-width", "Scale a LaTeX table down to the line width with \\resizebox.", name="fit_width"),
)  # fmt: skip
"""The options of documents: what stands around a table, and the form of a LaTeX table."""


def idle_output(output: OutputOptions, exact: bool | None) -> Iterator[tuple[str, str]]:
    """The options without effect in a format for programs; ``--units`` where bytes are written in full."""
    if is_exact(output.format):
        yield "units", f"--format {output.format} writes bytes in full"
        yield "brief", f"--format {output.format} has no lines below the table"
        yield "heading", f"--format {output.format} has no heading"
    elif exact:
        yield "units", "--exact writes bytes in full"


class NotationOptions(NamedTuple):
    """How numbers are written: :data:`NOTATION`."""

    units: str | None = None
    exact: bool | None = None

    def notation(self, output: OutputOptions, console: Console, units: str = "iec") -> Notation:
        """The notation for an output; ``units`` is the default of the units."""
        from cnncalc.formats.notation import Notation

        if self.exact is False and is_exact(output.format):
            raise ValueProblem(
                f"--short does not apply: --format {output.format} always has exact integers", code="usage"
            )
        numbers = "usual" if self.exact is None else "exact" if self.exact else "short"
        ascii_format = output.format is not None and FORMATS[output.format].is_ascii
        ascii_only = ascii_format or (output.to_stdout and console.is_ascii())
        return Notation(self.units or units, numbers, ascii_only)


UNITS = choice(
    "--units", UNIT_STYLES, "iec: KiB, MiB of 1024 (default). notes: the same values as KB, MB. si: kB, MB of 1000."
)

NOTATION = Group(
    "notation",
    NotationOptions,
    (
        UNITS,
        switch(
            "--exact",
            "Exact integers, or --short: four significant digits (default: depends on the column).",
            opposite="--short",
        ),
    ),
)

COLUMNS = Option(
    "--columns", "columns", "Only these columns, in this order; an unknown name lists them all.", "A,B,..."
)

CONVENTION = choice(
    "--convention",
    ("torchinfo", "thop", "ptflops", "fvcore", "onnx-tool", "keras", "darknet"),
    "Also the figures as this tool counts them, and what it counts.",
)

STRICT = switch("--strict", "Exit code 1 on a warning, of the design or of a figure by --convention.")

DEPTH = Option("--depth", "depth", "Sum by block, to this depth (resnet50: 1 for stages).", "N", whole_number)


def limit_option(bound: str, name: str, help: str) -> Option:
    """``--max``, ``--warn`` or ``--min``; a value is the bound with its text."""

    def read(text: str) -> tuple[str, str]:
        return bound, text

    return Option(f"--{bound}", name, help, "KEY=LIMIT", read, repeated=True)


UPPER_LIMITS = limit_option("max", "limits", "Upper limit, such as parameters=7M; repeatable.")

LOWER_LIMITS = limit_option("min", "lower_limits", "Lower limit; repeatable.")

CAPACITY = Option("--memory", "capacity", "Bytes such as 8GiB, or a device such as rtx-3090 or board:NAME.", "SIZE")

TABLE_FORMATS = tuple(name for name, each in FORMATS.items() if each.writer)
"""The formats of every table."""


def load(target: str, design: DesignOptions, console: Console) -> Graph:
    """The graph of a TARGET."""
    from cnncalc.checks import loading

    return loading.load(target, design.settings(), console.read_input() if target == "-" else None, console.folder)


def warn_of_convention(tool: str | None, report: Report, layers: Iterable[LayerReport], console: Console) -> bool:
    """Warns of layers whose figures may not be those of the tool of ``--convention``; returns whether there are any."""
    if tool is None:
        return False
    from cnncalc.interop.conventions import counted

    doubts = counted(tool, report).doubts([row.index for row in layers])
    for why, indices in doubts.items():
        names = ", ".join(sorted({report.layers[index].kind.upper() for index in indices}))
        message = f"--convention {tool}: {why}: {plural(len(indices), 'layer')} ({names})"
        console.warn([Problem("uncertain-convention", message, severity="warning")])
    return bool(doubts)


def has_blocks(depth: int, report: Report) -> bool:
    """Whether a net has layers in blocks at a depth."""
    return any(row.name.count(".") >= depth for row in report.layers)


def warn_of_depth(depth: int | None, report: Report, console: Console) -> None:
    """Warns of a ``--depth`` at which no layers are summed."""
    if depth is not None and not has_blocks(depth, report):
        why = f"{report.name} has no blocks{f' at depth {depth}' if depth > 1 else ''}, so nothing is summed"
        console.warn([no_effect(f"--depth {depth}", why)])


def require_single_stdin(*targets: str) -> None:
    """Raises ValueProblem if more than one target is standard input."""
    if targets.count("-") > 1:
        raise ValueProblem("standard input can be read once, but both targets are '-'", code="usage")


MOST_KEPT = 4
"""A console keeps at most this many layer reports."""


def analyze(target: str, design: DesignOptions, report: ReportOptions, console: Console) -> Report:
    """The layer report of a TARGET; its warnings go to standard error."""
    from cnncalc.analysis.report import account

    kept, key = console.analyses, (console.folder, target, design, report)
    found = kept.pop(key, None)
    if found is None:
        found = account(load(target, design, console), batch=report.batch, dtype=report.dtype, in_place=report.in_place)
    kept[key] = found
    if len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]
    console.warn(found.warnings)
    return found
