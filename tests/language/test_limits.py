"""The limits of the language: input at a limit is read; input beyond it is refused, with little memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc import DesignError, analyze, load
from cnncalc.analysis.report import account
from cnncalc.counts import MAX_RESULT_DIGITS
from cnncalc.language.limits import (
    DECIMAL_CHARACTERS,
    EXPANSION,
    EXPANSION_BESIDE_PROBLEMS,
    EXPRESSION_DIGITS,
    IGNORED,
    NAME_CHARACTERS,
    NESTING,
    PATTERN_CHARACTERS,
    RANGE,
    REFERENCES,
    YAML_ALIASES,
    YAML_BYTES,
    YAML_DEPTH,
    YAML_NODES,
)  # fmt: skip
from cnncalc.language.reading import read_design, read_pattern
from cnncalc.layers.requirements import MOST_INPUTS
from cnncalc.units import MAX_DIGITS
from tests.calls import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow


def yaml_of(depth: int) -> str:
    return "layers: RELU\ninput: 8x8x3\nbudget: {parameters: " + "[" * depth + "]" * depth + "}\n"


def blocks(depth: int) -> str:
    """Blocks that call each other, ``depth`` deep, each twice."""
    lines = [f"  b{'x' * n}: b{'x' * (n + 1)} -> b{'x' * (n + 1)}\n" for n in range(depth)]
    return "input: 8x8x3\nlayers: b\nblocks:\n" + "".join(lines) + f"  b{'x' * depth}: RELU\n"


def calls(depth: int) -> str:
    """Blocks that call each other once, so deep that the last layer lies in ``depth`` calls and groups."""
    names = [f"b{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(depth)]
    lines = [f"  {name}: {after}@x\n" for name, after in pairwise(names)]
    return f"input: 8x8x3\nlayers: {names[0]}\nblocks:\n{''.join(lines)}  {names[-1]}: RELU\n"


def references(count: int) -> str:
    """A net with so many references by lists, 1,000 a layer."""
    sizes = [min(1000, count - start) for start in range(0, count, 1000)]
    layers = [f"CONCAT(@m{{range({size})}})@c{number}" for number, size in enumerate(sizes) if size > 1]
    rest = " -> ADD(@m{[0]})" if sizes[-1] == 1 else ""
    return "INPUT 2x2x1 -> [RELU@m{i}]*1000 as i -> " + " -> ".join(layers) + rest


def patterns(characters: int) -> str:
    """A file with patterns of ten characters, and one with the rest."""
    count = characters // 10 - 1
    rest = "RELU  ".ljust(characters - 10 * count)
    return "input: 8x8x3\nlayers:\n" + "- '[RELU  ]*2'\n" * count + f"- '{rest}'\n"


PAIRS: dict[str, tuple[Callable[[int], str], int]] = {
    "characters of a pattern": (lambda n: "INPUT 8x8x3 -> RELU #".ljust(n, "c"), PATTERN_CHARACTERS),
    "characters of the patterns of a file": (patterns, PATTERN_CHARACTERS),
    "brackets inside one another": (lambda n: "INPUT 8x8x3 -> " + "[" * n + "RELU" + "]" * n, NESTING),
    "calls of blocks inside one another": (calls, NESTING),
    "parentheses inside one another, in braces": (
        lambda n: "INPUT 8x8x3 -> CONV-{" + "(" * (n - 1) + "4" + ")" * (n - 1) + "}", NESTING,
    ),
    "digits of a number": (lambda n: f"INPUT 8x8x3 -> CONV1-{'9' * n} -> GAP", MAX_DIGITS),
    "digits of a number in a word": (lambda n: f"INPUT 8x8x3 -> POOL1/{'9' * n} -> GAP", MAX_DIGITS),
    "digits of a number in YAML": (lambda n: f"input: 8x8x3\nlayers:\n- conv: {'9' * n}\n- gap\n", MAX_DIGITS),
    "digits of an expression's value": (
        lambda n: f"INPUT 8x8x3 -> CONV1-{{10**{n - 1} * 9}} -> GAP", EXPRESSION_DIGITS,
    ),
    "characters of a decimal": (lambda n: f"INPUT 8x8x3 -> LRELU(0.{'1' * (n - 2)})", DECIMAL_CHARACTERS),
    "characters of a decimal in YAML": (
        lambda n: f"input: 8x8x3\nlayers:\n- lrelu: {{slope: 0.{'1' * (n - 2)}}}\n", DECIMAL_CHARACTERS,
    ),
    "numbers of a range": (lambda n: f"INPUT 8x8x3 -> [RELU]*{{min(range({n})) + 1}}", RANGE),
    "references by lists": (references, REFERENCES),
    "characters of a name with its blocks": (
        lambda n: f"INPUT 8x8x3 -> [RELU@{'a' * (n // 2 - 1)}]@{'b' * (n - n // 2)}", NAME_CHARACTERS,
    ),
    "inputs of a layer": (lambda n: "INPUT 8x8x3 -> [" + "|" * (n - 1) + "] -> ADD", MOST_INPUTS),
    "YAML inside YAML": (lambda n: yaml_of(n - 2), YAML_DEPTH),
    "bytes of a YAML file": (lambda n: "input: 8x8x3\nlayers: RELU\n#".ljust(n, "c"), YAML_BYTES),
    "nodes of a YAML file": (
        lambda n: "input: 8x8x3\nlayers: RELU\nvariables: {a: [" + "1, " * (n - 9) + "]}\n", YAML_NODES,
    ),
    "aliases of a YAML file": (
        lambda n: "name: &a x\ninput: 8x8x3\nlayers: [RELU]\nbudget: {parameters: [" + "*a, " * n + "]}\n",
        YAML_ALIASES,
    ),
    "ignored rules": (lambda n: "input: 8x8x3\nlayers: RELU\nignore: [" + "first-fc, " * n + "]\n", IGNORED),
    "layers, calls and iterations": (
        lambda n: f"INPUT 8x8x4 -> RELU*{(n - 2) // 2} -> TANH -> [BN]*{n % 2}", EXPANSION,
    ),
    "digits of a result": (
        lambda n: f"INPUT 1x1x1 -> [UPSAMPLE10]*{n // 2 - 1} -> CONV1-{10 ** (n % 2 + 1)}", MAX_RESULT_DIGITS,
    ),
}  # fmt: skip
"""A design of a size for each limit, and the largest size that is read."""
WITHIN = {
    **{f"{most:,} {what}": make(most) for what, (make, most) in PAIRS.items()},
    "20,000 additions": "INPUT 8x8x3 -> CONV-{" + "1+" * 20_000 + "1}",
    "nothing repeated a trillion times is still nothing": "INPUT 8x8x3 -> [RELU]*0 -> [RELU]?{1 > 2}",
}
BEYOND = {
    **{f"{most + 1:,} {what}": make(most + 1) for what, (make, most) in PAIRS.items()},
    "30,000 inputs of one layer": "input: 8x8x3\nlayers:\n- add: {inputs: [" + "input, " * 30_000 + "]}\n",
    "100,000 brackets": "[" * 100_000,
    "90,000 parentheses": "INPUT -> CONV-{" + "(" * 90_000,
    "90,000 signs": "INPUT -> CONV-{" + "-" * 90_000 + "1}",
    "a number of 90,000 digits": "INPUT 8x8x3 -> CONV1-" + "9" * 90_000,
    "a tower of powers": "INPUT 8x8x3 -> CONV1-{9**9**9**9}",
    "200,001 layers": "INPUT 8x8x3 -> [RELU -> TANH]*66667",
    "more rounds than a machine word counts": "INPUT 8x8x3 -> [RELU]*{10**40}",
    "a trillion layers": "INPUT 8x8x3 -> [[[[RELU]*1000]*1000]*1000]*1000",
    "a trillion layers, by their indices": "INPUT 8x8x3 -> [[[RELU -> CONV-{k}]*{j} as k]*{i} as j]*1000000 as i",
    "a trillion layers over lists": f"INPUT 8x8x3 -> [[RELU]*n]*[{', '.join(['9' * 18] * 4000)}] as n",
    "a trillion rounds of nothing": "INPUT 8x8x3 -> [[[]*0]*1000000]*1000000",
    "blocks that double 25 times": blocks(25),
    "blocks 70 deep": blocks(70).replace(" -> bx", " #"),
    "60,000 names of 90,000 characters": "INPUT 8x8x3 -> [RELU]@" + "a" * 90_000 + "*60000",
    "YAML a million deep": yaml_of(400_000),
    "aliases of aliases of aliases": "layers: RELU\nvariables:\n  a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    + "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 11)),
    "a merge key": "input: 8x8x3\nlayers: RELU\n<<: {name: a}\n",
    "a result of 4,301 digits": "INPUT 8x8x3 -> [UPSAMPLE999999999]*239",
    "a depth that doubles 20,000 times": "INPUT 8x8x3 -> [[RELU | ] -> CONCAT]*20000",
}
HEAVY = {
    "49,000 unknown keys": "layers: RELU\n" + "".join(f"k{n}: 1\n" for n in range(49_000)),
    "80,000 unknown layers": "layers:\n" + "".join(f"- w{n}\n" for n in range(80_000)),
    "33,000 unknown layers with a value": "layers:\n" + "".join(f"- c{n}: 1\n" for n in range(33_000)),
    "49,000 unknown keys of a layer": "layers:\n- conv: {" + ", ".join(f"k{n}: 1" for n in range(49_000)) + "}\n",
    "24,000 wrong values": "input: 8x8x3\nlayers:\n" + "- conv: {kernel: q}\n" * 24_000,
    "90,000 empty layers": "layers:\n" + "- \n" * 90_000,
    "90,000 lists for layers": "layers:\n" + "- []\n" * 90_000,
    "19,000 unknown inputs": "input: 8x8x3\nlayers:\n" + "".join(f"- relu: {{inputs: z{n}}}\n" for n in range(19_000)),
    "90,000 unknown inputs of one layer": "input: 8x8x3\nlayers:\n- add: {inputs: ["
    + ", ".join(f"z{n}" for n in range(90_000))
    + "]}\n",
    "19,000 unknown inputs like 9,000 long names": "input: 8x8x1\nlayers:\n"
    + "".join(f"- relu: {{name: some-long-name-of-layer-{n}}}\n" for n in range(9000))
    + "- add: {inputs: ["
    + ", ".join(f"some-long-name-of-lajer-{n}" for n in range(19_000))
    + "]}\n",
    "49,000 repeated keys": "layers: RELU\n" + "a: 1\n" * 49_000,
    "19,000 equal names": "input: 8x8x3\nlayers:\n" + "- relu: {name: a}\n" * 19_000,
    "45,000 wrong variables": "input: 8x8x3\nlayers: RELU\nvariables:\n"
    + "".join(f"  a{n}: x{n}\n" for n in range(45_000)),
    "45,000 unknown defaults": "input: 8x8x3\nlayers: RELU\ndefaults:\n"
    + "".join(f"  a{n}: 1\n" for n in range(45_000)),
    "45,000 wrong blocks": "input: 8x8x3\nlayers: RELU\nblocks:\n" + "".join(f"  a{n}: 1\n" for n in range(45_000)),
    "two million blank lines": "\n" * 2_000_000 + "layers: RELUX\n",
    "8,000 unknown kinds": "INPUT -> " + " -> ".join(f"CNV{n}" for n in range(8000)),
    "4,000 unknown names": "INPUT 8x8x1 -> " + " -> ".join(f"RELU -> ADD(@x{n})" for n in range(4000)),
    "60,000 layers of one name": "INPUT 8x8x1 -> [[RELU@a]]*60000",
    "a word of 90,000 letters": "INPUT -> " + "C" * 90_000,
    "7,000 variables": "INPUT -> " + " -> ".join(f"CONV-v{n}" for n in range(7000)),
    "a window too large behind 60,000 layers": "INPUT 8x8x1 -> [RELU]*60000 -> POOL3/2*10",
    "40,000 sizes": "INPUT -> CONV-" + "9x" * 40_000 + "9",
}


def reader_of(text: str) -> Any:
    return read_design if "layers:" in text else read_pattern


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 8x8x3 -> CONV1-{}",
        "INPUT 8x8x3 -> POOL{}",
        "INPUT 8x{}x3 -> RELU",
        "input: 8x8x3\nlayers:\n- conv: {}\n",
        "input: 8x{}x3\nlayers: RELU\n",
    ],
)
def test_every_number_with_too_many_digits_has_the_same_message(text: str) -> None:
    text = text.replace("{}", "9" * (MAX_DIGITS + 1))
    with pytest.raises(DesignError) as caught:
        reader_of(text)("<text>", text)
    assert [problem.message for problem in caught.value.every] == [
        "a number has at most 18 digits, but this one has 19"
    ]


@pytest.mark.parametrize("what", WITHIN)
def test_input_at_a_limit_is_read(what: str) -> None:
    account(reader_of(WITHIN[what])("<text>", WITHIN[what]))


MEASURE = """
import json, resource, sys
from cnncalc import DesignError
from cnncalc.analysis.report import account
from cnncalc.language.reading import read_design, read_pattern
import cnncalc.language.architecture, cnncalc.language.pattern, difflib
account(read_design("<warm>", "input: 8x8x3\\nlayers: RELU"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for text in json.load(sys.stdin):
    try:
        account((read_design if "layers:" in text else read_pattern)("<text>", text))
    except DesignError as error:
        first = error.problems[0]
        length = len(str(error))
        growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(json.dumps([first.code, first.message, length, growth]))
    else:
        raise SystemExit(f"not refused: {text[:100]}")
"""
"""Reads texts; prints for each the first problem, the length of the message, and how far memory has grown."""


def test_input_beyond_a_limit_is_refused_within_128_mib(subtests: pytest.Subtests) -> None:
    """In a process of its own, whose peak memory is measured. Time: ``python -m benchmarks.worst_case``."""
    texts = {**BEYOND, **HEAVY}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=json.dumps(list(texts.values())), capture_output=True, text=True, check=False, timeout=600,
        env=environment(), cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for what, line in zip(texts, done.stdout.splitlines(), strict=True):
        code, message, length, mebibytes = json.loads(line)
        with subtests.test(what):
            assert mebibytes < 128
            if what in BEYOND:
                assert code == ("yaml-merge" if what == "a merge key" else "number" if "decimal" in what else "limit")
                assert "at most" in message or what == "a merge key"
                assert length < 5000


def test_a_net_of_20_000_layers_is_read_and_counted() -> None:
    """10,000 iterations of two layers: 20,000 layers and INPUT."""
    report = analyze("INPUT 8x8x4 -> [CONV3-4 -> RELU]*10000")
    assert len(report.layers) == 20_001
    assert report.totals.parameters == 10_000 * (3 * 3 * 4 * 4 + 4)
    assert report.layers[-1].receptive_field == (8, 8)


def test_exactly_200_000_layers_calls_and_iterations_are_read() -> None:
    """100,000 iterations of one layer count as 200,000; with INPUT there is one too many."""
    with pytest.raises(DesignError, match="at most 200,000 layers, calls and iterations, but this gives 200,001"):
        read_pattern("<text>", "INPUT 8x8x4 -> RELU*99999 -> RELU*1")
    graph = read_pattern("<text>", "INPUT 8x8x4 -> RELU*99999 -> TANH")
    assert len(graph.nodes) == 100_001


def test_an_inner_repeat_is_counted_for_each_value_of_the_outer_one() -> None:
    """1 + 2*0, 1 + 2*40,000 and 1 + 2*80,000."""
    with pytest.raises(DesignError, match="at most 200,000 layers, calls and iterations, but this gives 240,003"):
        read_pattern("<text>", "INPUT 8x8x4 -> [[RELU]*{40000*i}]*3 as i")
    graph = read_pattern("<text>", "INPUT 8x8x4 -> [[RELU]*{700*i}]*3 as i")
    assert len(graph.nodes) == 1 + 700 + 1400


def test_a_result_may_have_4300_digits() -> None:
    """Each UPSAMPLE multiplies height and width by almost 10**9: 192 elements grow to 1.9 * 10**4286."""
    report = analyze("INPUT 8x8x3 -> [UPSAMPLE999999999]*238")
    assert len(str(report.totals.activations)) == 4287
    with pytest.raises(DesignError, match="upsample239: a result has at most 4,300 digits"):
        analyze("INPUT 8x8x3 -> [UPSAMPLE999999999]*239")
    deep = "INPUT 8x8x3 -> [UPSAMPLE999999999]*238 -> CONV1-{10**13} -> RELU(in_place=no)"
    with pytest.raises(DesignError, match="a result has at most 4,300 digits, but a sum over all layers has more"):
        analyze(deep, batch=10**3)


@pytest.mark.parametrize(
    ("layers", "name"),
    [
        ("[UPSAMPLE10]*2150", "upsample2150"),
        ("[UPSAMPLE10]*2149 -> CONV10-1(pad=same)", "conv1"),
        ("[UPSAMPLE10]*2149 -> UPSAMPLE8 -> FLATTEN -> BN", "bn1"),
    ],
    ids=["activations", "multiply-adds", "buffers"],
)
def test_the_first_layer_of_which_one_count_is_too_long_is_named(layers: str, name: str) -> None:
    """Of 10**4300, the smallest number with 4,301 digits; all other counts of the layer have fewer."""
    with pytest.raises(DesignError, match=f"{name}: a result has at most 4,300 digits"):
        analyze(f"INPUT 1x1x1 -> {layers} -> RELU")


def test_reading_ends_at_1000_problems() -> None:
    with pytest.raises(DesignError) as caught:
        read_design("<text>", "layers:\n" + "".join(f"- w{n}\n" for n in range(5000)))
    assert caught.value.count == 1000
    assert str(caught.value).endswith("\n\n... and at least 980 more problems")


@pytest.mark.parametrize("key", ["budget", "budget: {macs", "ignore"])
def test_problems_of_budgets_and_ignored_rules_beyond_twenty_are_only_counted(key: str) -> None:
    from cnncalc.checks.loading import load

    entries = ", ".join(f"k{n}" + ("" if key == "ignore" else ": 1") for n in range(900))
    opened, closed = ("[", "]") if key == "ignore" else ("{", "}}" if "{" in key else "}")
    text = f"input: 8x8x3\nlayers: RELU\n{key}: {opened}{entries}{closed}\n"
    with pytest.raises(DesignError) as caught:
        load("-", stdin=text)
    assert caught.value.count == 900
    assert str(caught.value).endswith("\n\n... and 880 more problems")


@pytest.mark.parametrize(
    ("repeats", "codes"), [(5, {"unknown-key", "window-too-large"}), (EXPANSION_BESIDE_PROBLEMS // 2, {"unknown-key"})]
)
def test_a_large_design_is_expanded_once_the_problems_of_its_text_are_mended(repeats: int, codes: set[str]) -> None:
    with pytest.raises(DesignError) as raised:
        analyze(f"INPUT 4x4x3 -> CONV9-2(pad=0) -> RELU*{repeats} -> CONV3-8(xias=no)")
    assert {problem.code for problem in raised.value.every} == codes


@pytest.mark.parametrize("repeats", [5, EXPANSION_BESIDE_PROBLEMS // 2])
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("RELU*{1-2}", "negative-count"),
        ("RELU*{1 % 0}", "wrong-value"),
        ("[RELU -> RELU*{i-1}]*1 as i", "negative-count"),
    ],
)
def test_a_large_design_with_a_wrong_count_or_condition_says_which(repeats: int, wrong: str, code: str) -> None:
    with pytest.raises(DesignError) as raised:
        analyze(f"INPUT 4x4x3 -> [CONV3-2 -> RELU]*{repeats} -> {wrong} -> FC-3")
    assert [problem.code for problem in raised.value.every] == [code]


@pytest.fixture(scope="module")
def seconds_to_read() -> float:
    """CPU seconds to read a design of nearly 200,000 layers, calls and iterations."""
    start = time.process_time()
    load("INPUT 3x4x3 -> [[ | RELU] -> ADD]*66000")
    return time.process_time() - start


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("INPUT 3x4x3 -> [[ | DWCONV5x2(xias=no)] -> ADD]*66000 -> FC-18", "unknown-key"),
        ("INPUT 3x4x3 -> [[ | ADD(@b)] -> ADD]*66000", "unknown-name"),
        ("INPUT 3x4x3 -> CONV9-3(pad=0) -> [[ | RELU] -> ADD]*66000", "window-too-large"),
        ("INPUT 3x4x3 -> BN*99000 -> CONV9-3(pad=0)", "window-too-large"),
    ],
)
def test_a_fault_in_a_design_at_the_limit_costs_little_more_than_to_read_it(
    pattern: str, code: str, seconds_to_read: float
) -> None:
    for _ in range(3):  # a busy machine may disturb one
        start = time.process_time()
        with pytest.raises(DesignError) as raised:
            analyze(pattern)
        taken = time.process_time() - start
        assert raised.value.first.code == code
        if taken < 1.4 * seconds_to_read:
            break
    assert taken < 1.4 * seconds_to_read
