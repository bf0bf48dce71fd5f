"""Mutation test: changes formulas, conditions and traits one by one and checks that a test fails for each.

    python -m benchmarks.mutants [--number N] [--seed N] [--seconds N] [--verify] [TEXT ...]

Draws N mutants of the packages layers, analysis, memory and language, of those whose name contains every TEXT. Each is
written into a copy of the tree, in which the test files of its module run until one fails. With ``--verify`` they are
mutants of volumes, counts, stencils and placement, and what must notice them is ``cnncalc verify`` on the named nets,
wherever a number of these nets changes.

Prints a line for each: the test that failed, or NOT NOTICED, or why it changes nothing (EQUIVALENT). The exit code is 1
if one is not noticed or not decided in time. Run it from the checkout.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.analysis.report import Report

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("layers", "analysis", "memory", "language")

TESTS = {
    "analysis/difference": ("analysis/test_difference.py",),
    "analysis/alignment": ("analysis/test_difference.py",),
    "analysis/loading": ("analysis/test_loading.py",),
    "analysis/reach": ("analysis/test_reach.py", "test_named_nets.py"),
    "analysis/intervals": ("analysis/test_reach.py", "test_named_nets.py"),
    "analysis/key_effects": ("language/test_effects.py",),
    "analysis/placement": ("analysis/test_placement.py", "run/test_verify.py"),
    "analysis": (
        *("test_named_nets.py", "analysis", "test_face.py", "run/test_verify.py", "checks/test_rules.py"),
        "language/test_hints.py",
    ),
    "layers": (
        *(
            "test_layers.py",
            "test_kinds.py",
            "memory/test_oracle.py",
            "language/test_language.py",
            "checks/test_rules.py",
        ),
        *("views", "run/test_verify.py", "run/test_training.py", "analysis", "formats/test_golden.py", "drawings"),
        *("memory/test_arena.py", "memory/test_report.py", "language/test_refusals.py", "language/test_hints.py"),
        *("memory/test_random_training.py", "run/test_prepared.py", "run/test_against_torch.py"),
    ),
    "memory/arena": ("memory/test_arena.py",),
    "memory/allocator": ("memory/test_allocator.py",),
    "memory/need": ("memory/test_allocator.py", "memory/test_fit.py"),
    "memory/curve": ("memory/test_curve.py", "memory/test_fit.py"),
    "memory/devices": ("memory/test_devices.py", "memory/test_fit.py", "cli/test_memory.py"),
    "memory/fit": ("memory/test_fit.py", "cli/test_memory.py"),
    **dict.fromkeys(
        ("memory/torch_", "memory/builder", "memory/replay", "memory/checkpoints", "memory/tape", "memory/frames"),
        ("memory/test_random_training.py", "memory/test_oracle.py", "memory/test_truth.py", "memory"),
    ),
    "memory/numpy_lowering": ("run/test_training.py", "memory", "run"),
    "memory": ("memory/test_report.py", "memory", "cli/test_memory.py"),
    "language/expression": ("language/test_decimals.py", "language", "cli/test_sweep.py", "cli/test_tables.py"),
    "language": ("language/test_language.py", "language", "test_named_nets.py", "cli/test_tables.py"),
}
"""For each part of the package the test files and folders that can notice its mutants, quick ones first. The longest
matching beginning of the module's name counts."""

EQUIVALENT: dict[str, str] = {
    "analysis/reach _are_independent: not has_gaps or all(field.sides == fields[0].sides for field in fields) -> "
    "(not has_gaps)": ("equal fields are joined by their boxes, too, which gives the same field in more time"),
    "analysis/reach _are_independent: not has_gaps or all(field.sides == fields[0].sides for field in fields) -> "
    "(all((field.sides == fields[0].sides for field in fields)))": (
        "sides without gaps are joined by their boxes, too, which gives the same field in more time"
    ),
    "analysis/intervals joined_sides: 0 -> (1)": "all sides have the same size, and the same outputs with a rule",
    "analysis/reach _joined_at_positions: 0 -> (1)": "all are compared with one of them, no matter which",
    "analysis/reach _joined_boxes: 0 -> (1)": "all have the same number of sides",
    "analysis/reach _joined_boxes: 0 -> (1) #2": "all have the same sizes",
    "analysis/reach _joined_apart: 0 -> (1)": "all have the same number of sides; all are compared with one of them",
    **dict.fromkeys(
        (f"analysis/intervals _listed_side: 0 -> (1){number}" for number in ("", " #2", " #3", " #4")),
        "where intervals are listed, they hold instead of these numbers",
    ),
    "language/folding/blocks _Runs.__init__: 1 -> (2) #4": "parts with a label inside are refused later, too",
    "memory/checkpoints Checkpoints._held: self._last_reader.get(value, first) > last -> "
    "(self._last_reader.get(value, first) >= last)": "what the last operation reads is released after it anyway",
    "memory/replay Machine.__init__: 1 -> (2)": "the first event has at least 0 bytes",
    **dict.fromkeys(
        (
            "memory/replay Machine.__init__: 0 -> (1) #7",
            "memory/replay Machine.__init__: 0 -> (1) #9",
            "memory/replay Machine._run_again: 0 -> (1)",
        ),
        "it is set when the operation runs",
    ),
    **dict.fromkeys(
        (
            *(f"memory/replay Machine._count_uses: 1 -> (2){number}" for number in ("", " #2", " #5")),
            "memory/replay Machine._forward: 1 -> (2) #3",
        ),
        "the caller never releases images, targets, results and the loss",
    ),
    "memory/replay Machine._level: 1 -> (2)": "the row is read of the peak alone",
    "memory/replay Machine._run: learns and numbers -> (learns)": "an operation without numbers adds 0 bytes",
    "memory/arena place_in_order: pairs[volume] < number -> (pairs[volume] <= number)": (
        "both forms find the same neighbours, in different times"
    ),
    "language/folding/columns _size: 0 -> (1)": "it is the same for all columns of a type that is no number",
    "language/plan Planner._unknown: len(self.problems) <= MAX_PROBLEMS -> (len(self.problems) < MAX_PROBLEMS)": (
        "the hint of a problem beyond the first 20 is not shown"
    ),
    "layers/subsampling Subsample.keeping: True -> (False)": "what reads its extra arrays says whether it learns",
    'memory/fit _advice: OPTIMIZERS[options.optimizer].can_fuse and options.style != "fused" -> '
    "(OPTIMIZERS[options.optimizer].can_fuse)": "the same style again needs no less, so it is no advice",
    "memory/tflm _Arena.borrow: 64 -> (65)": "a negative number becomes larger than any size with both",
    "memory/hillclimb _Search.__init__: 2 -> (3) #2": "both are larger than any size",
    "analysis/reach Field.unclipped: side is self.sides[0] -> (side is not self.sides[0])": (
        "the other way gives the same extents in more time"
    ),
    "layers/planes window_starts: 0 -> (1)": "with padding same, the paddings are computed and replace these",
}
"""Mutants that change nothing, as printed, and why. A line of source that has changed is an error here."""

MEASURED = ("output", "parameters", "macs", "stencils", "in_place", "is_only_reader", "in_place_nodes", "_is_requested")
"""The functions whose mutants ``--verify`` takes: those of the numbers that ``cnncalc verify`` compares."""

SIDES = (32, 64, 96)
"""The sides of the input on which ``--verify`` runs a named net: the smallest that it takes; others are left out."""

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}


NO_TESTS = 5
"""The exit code of pytest where no test has the mark."""


class Mutant(NamedTuple):
    """A change of one expression or definition: bytes ``start`` to ``end`` of a module become ``after``."""

    module: str
    place: str
    start: int
    end: int
    before: str
    after: str
    number: int = 1
    """Which of those in the module that read the same."""

    def __str__(self) -> str:
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.module} {self.place}: {before} -> {after}" + (f" #{self.number}" if self.number > 1 else "")

    @property
    def file(self) -> str:
        """The file in the tree."""
        return f"cnncalc/{self.module}.py"

    @property
    def tests(self) -> list[str]:
        """The test files that can notice it."""
        part = max((part for part in TESTS if self.module.startswith(part)), key=len)
        return [f"tests/{name}" for name in TESTS[part]]


# The mutants of a module


def changed_forms(node: ast.AST) -> Iterator[ast.AST]:
    """The changed forms of one expression."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield ast.Compare(node.left, [COMPARISONS[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for number in range(len(node.values)):
            yield ast.BoolOp(node.op, node.values[:number] + node.values[number + 1 :])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        yield ast.Call(ast.Name(FUNCTIONS[node.func.id], ast.Load()), node.args, node.keywords)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """All mutants of a module, in order; neither of messages nor of annotations."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def mutant(node: ast.expr | ast.stmt, place: str, after: str) -> Mutant:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        before = source.encode()[start:end].decode()
        return Mutant(module, place, start, end, before, after)

    def visit(node: ast.AST, place: str, bases: bool) -> Iterator[Mutant]:
        if isinstance(node, (ast.JoinedStr, ast.Raise, ast.Assert)) or _is_for_types(node) or _is_assertion(node):
            return
        if isinstance(node, ast.expr):
            for form in changed_forms(node):
                yield mutant(node, place, f"({ast.unparse(ast.fix_missing_locations(form))})")
        for name, field in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "bases", "type_params"):
                continue
            for child in field if isinstance(field, list) else [field]:
                if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                    inner = f"{place}.{child.name}".lstrip(".")
                    if bases and isinstance(child, ast.FunctionDef) and not child.decorator_list:
                        head = mutant(child, inner, "pass")
                        yield head._replace(before=f"def {child.name}", after="pass")
                    yield from visit(child, inner, isinstance(child, ast.ClassDef) and bool(child.bases))
                elif isinstance(child, ast.AnnAssign) and bases and child.value is not None:
                    inner = f"{place}.{ast.unparse(child.target)}".lstrip(".")
                    yield mutant(child, inner, "pass")
                    yield from visit(child, inner, False)
                elif isinstance(child, ast.AST):
                    yield from visit(child, place, bases and isinstance(node, ast.ClassDef) and child is node)

    yield from visit(ast.parse(source), "", False)


def _is_for_types(node: ast.AST) -> bool:
    """Whether it is ``TYPE_CHECKING = False`` or ``if TYPE_CHECKING``, which change nothing but imports."""
    names = node.targets if isinstance(node, ast.Assign) else [node.test] if isinstance(node, ast.If) else []
    return any(isinstance(name, ast.Name) and name.id == "TYPE_CHECKING" for name in names)


def _is_assertion(node: ast.AST) -> bool:
    """Whether it is ``strict`` of ``zip``, which raises an error where lengths differ and changes nothing else."""
    return isinstance(node, ast.keyword) and node.arg == "strict"


def all_mutants() -> list[Mutant]:
    """All mutants of the packages, in order. Raises ValueError if one of EQUIVALENT is not among them."""
    found = []
    names: Counter[str] = Counter()
    for package in PACKAGES:
        for path in sorted((ROOT / "cnncalc" / package).rglob("*.py")):
            module = path.relative_to(ROOT / "cnncalc").with_suffix("").as_posix()
            for mutant in mutants_of(module, path.read_text(encoding="utf-8")):
                names[str(mutant)] += 1
                found.append(mutant._replace(number=names[str(mutant)]))
    if stale := EQUIVALENT.keys() - set(map(str, found)):
        raise ValueError("no longer mutants, look at them again:\n" + "\n".join(sorted(stale)))
    return found


# The copy of the tree


class Copy:
    """A copy of the tree in a temporary folder, in which one mutant at a time is made."""

    def __init__(self, folder: str, seconds: int) -> None:
        self.root = Path(folder) / "tree"
        self.seconds = seconds
        self._sources: dict[str, bytes] = {}
        self._passing: set[str] = set()
        kept_out = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(ROOT, self.root, ignore=kept_out)

    def write(self, mutant: Mutant, *, broken: bool) -> None:
        """Writes the module of a mutant, with it or as it was."""
        path = self.root / mutant.file
        source = self._sources.setdefault(mutant.file, path.read_bytes())
        if broken:
            source = source[: mutant.start] + mutant.after.encode() + source[mutant.end :]
        path.write_bytes(source)
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()

    def run(self, arguments: Sequence[str], text: str = "") -> tuple[int, str]:
        """The exit code and output of Python in the copy. Raises TimeoutError if it takes too long."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "CNNCALC_EXAMPLES": "1"}
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=self.root, env=environment, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            output = process.communicate(text, timeout=self.seconds)[0]
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise TimeoutError from None
        return process.returncode, output

    def first_failure(self, tests: Sequence[str]) -> str | None:
        """The first test that fails, quick ones first; None if all pass."""
        codes = []
        # the first file alone, since it notices most, and the others need not be collected then
        for mark, some in (("not slow", tests[:1]), ("not slow", tests[1:]), ("slow", tests)):
            if not some:
                continue
            options = ("-x", "-q", "-n0", "-m", mark, "-p", "no:cacheprovider")
            code, output = self.run(["-m", "pytest", *options, *some])
            codes.append(code)
            if code in (0, NO_TESTS):
                continue
            # the values of a parametrized test may hold spaces
            found = re.search(r"^(?:FAILED|ERROR|SUBFAILED\S*) (\S+?\[.*?\]|\S+)(?= - |$)", output, re.M)
            if found is None and "no tests ran" in output:
                raise RuntimeError(f"pytest itself failed:\n{output}")
            return found[1] if found else "the package does not start: " + " ".join(output.split()[-12:])
        if 0 not in codes:
            raise RuntimeError(f"no tests in {' '.join(tests)}")
        return None

    def check(self, test: str) -> None:
        """Raises RuntimeError if a test fails without a mutant, in the whole of its file."""
        file = test.partition("::")[0]
        if file not in self._passing and self.first_failure([file]) is not None:
            raise RuntimeError(f"{test} fails without the mutant, too")
        self._passing.add(file)


def judged_by_tests(copy: Copy, mutant: Mutant) -> tuple[str, str]:
    """Whether a test fails because of a mutant, and which; or why it changes nothing."""
    if str(mutant) in EQUIVALENT:
        return "changes nothing", EQUIVALENT[str(mutant)]
    copy.write(mutant, broken=True)
    try:
        test = copy.first_failure(mutant.tests)
    finally:
        copy.write(mutant, broken=False)
    if test is not None and test.startswith("tests/"):
        copy.check(test)
    return ("noticed", test) if test else ("NOT NOTICED", "")


# The numbers of the named nets, and what ``cnncalc verify`` says about them


Figures: TypeAlias = "dict[str, tuple[tuple[int, int, int], list[list[int]]]]"
"""For each named net its input, and for each layer the numbers that verify compares."""


def numbers_of(report: Report) -> list[list[int]]:
    """The numbers of each layer that verify compares, the receptive field last."""
    return [[*row.output, row.parameters, row.macs, row.in_place, *row.receptive_field] for row in report.layers]


def figures_of_named_nets() -> Figures:
    """The figures of the named nets that take an input of SIDES, small nets first."""
    import cnncalc
    from cnncalc.language.catalogue import names

    found: Figures = {}
    for name in names():
        for side in SIDES:
            with suppress(cnncalc.DesignError):
                depth = 1 if name.startswith("lenet") else 3
                report = cnncalc.analyze(name, input=(side, side, depth))
                found[name] = (side, side, depth), numbers_of(report)
                break
    return dict(sorted(found.items(), key=lambda pair: (pair[1][0], len(pair[1][1]))))


def print_verdict() -> None:
    """Prints what verify says about the first net whose numbers are not those of standard input, in a mutated tree."""
    import cnncalc
    from cnncalc.run.verify import verify

    for name, (size, expected) in json.load(sys.stdin).items():
        try:
            report = cnncalc.analyze(name, input=size)
            numbers = numbers_of(report)
            if numbers == expected:
                continue
            verification = verify(report)
            wrong = verification.disagreements
        except Exception as error:  # noqa: BLE001
            print(f"noticed: {name} is not read or not run: {type(error).__name__}")
            return
        if wrong:
            print(f"noticed: {name}: {wrong[0].layer} {wrong[0].quantity}")
            return
        of_layers = verification.tallies[-1].checked == len(numbers)  # else fields that are too large to be measured
        if of_layers or [one[:-2] for one in numbers] != [one[:-2] for one in expected]:
            print(f"NOT NOTICED: {name}")
            return
    print("changes no number")


def judged_by_verify(copy: Copy, mutant: Mutant, expected: str) -> tuple[str, str]:
    """Whether verify disagrees in the tree with a mutant, and where, if a number of the named nets changes there."""
    copy.write(mutant, broken=True)
    try:
        _, output = copy.run(["-c", "from benchmarks.mutants import print_verdict; print_verdict()"], expected)
    finally:
        copy.write(mutant, broken=False)
    found = re.search(r"^(noticed|NOT NOTICED|changes no number)(?:: (.*))?$", output, re.M)
    if found is None:
        return "noticed", "the package does not start: " + " ".join(output.split()[-12:])
    return found[1], found[2] or ""


def main() -> int:
    """Prints one line a mutant, then how many were noticed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", allow_abbrev=False)
    parser.add_argument("--number", type=int, default=200, help="mutants to draw (200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the drawing (0)")
    parser.add_argument("--seconds", type=int, default=600, help="time for each mutant (600)")
    parser.add_argument("--verify", action="store_true", help="what must notice them is cnncalc verify")
    parser.add_argument("text", nargs="*", help="draw of the mutants whose name contains every text")
    options = parser.parse_args()
    mutants = [one for one in all_mutants() if all(text in str(one) for text in options.text)]
    if options.verify:
        within = ("layers/", "analysis/")
        mutants = [
            one for one in mutants if one.module.startswith(within) and set(one.place.split(".")) & set(MEASURED)
        ]
    mutants = Random(options.seed).sample(mutants, min(options.number, len(mutants)))  # noqa: S311
    expected = json.dumps(figures_of_named_nets()) if options.verify else ""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder, options.seconds)
        for one in mutants:
            start = time.monotonic()
            try:
                if options.verify:
                    word, reason = judged_by_verify(copy, one, expected)
                else:
                    word, reason = judged_by_tests(copy, one)
            except TimeoutError:
                word, reason = "NO ANSWER IN TIME", ""
            counts[word] += 1
            print(f"{word} ({time.monotonic() - start:.0f} s): {one}: {reason}".rstrip(": "), flush=True)
    print(", ".join(f"{number} {word}" for word, number in counts.items()))
    return int(any(word.isupper() for word in counts))


if __name__ == "__main__":
    sys.exit(main())
