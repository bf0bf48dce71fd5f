"""Budgets: how they are read, which one overrides which, and the message of every error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.checks.check import Checker, CheckOptions, CheckResult
from cnncalc.checks.configuration import Configurations
from cnncalc.errors import DesignError
from cnncalc.figures.budget import Budget, from_calls, from_python, merged, read_amount, read_budget
from cnncalc.figures.measure import ALLOW_STATED, KEYS, Meter
from cnncalc.language.settings import Settings
from cnncalc.language.yaml_tree import Mapping, YamlDocument, raw_value
from cnncalc.source import Source
from tests.checks.projects import PARAMETERS, TINY, written

if TYPE_CHECKING:
    from pathlib import Path


def in_file(text: str) -> Budget:
    """The budget of an architecture file that holds nothing else."""
    root = YamlDocument(Source("net.yaml", text)).read()
    assert isinstance(root, Mapping)
    node = root.get("budget")
    assert node is not None
    return read_budget(raw_value(node))


def limits(budget: Budget) -> dict[str, list[tuple[str, int | None]]]:
    """The limits of each key as numbers."""
    return {key: [(limit.bound, limit.amount.value) for limit in entry.limits] for key, entry in budget.items()}


def test_units_and_mappings_are_read() -> None:
    """1 GiB is 1024**3 bytes, 1 GB 1000**3; K, M, G, T of counts are decimal."""
    budget = in_file(
        "budget:\n"
        "  parameters: 7M\n"
        "  weights: 1.5K\n"
        "  macs: {max: 2G, warn: 1.9G}\n"
        "  parameter_memory: 93MiB\n"
        "  activation_memory: '1 GB'\n"
        "  training_memory: {max: 8GiB, batch: 64, dtype: float16, optimizer: adam, profile: torch-cpu}\n"
        "  receptive_field: {min: 200}\n"
        "  layers: 0\n"
    )

    assert limits(budget) == {
        "parameters": [("max", 7_000_000)],
        "weights": [("max", 1500)],
        "macs": [("max", 2_000_000_000), ("warn", 1_900_000_000)],
        "parameter_memory": [("max", 93 * 1024**2)],
        "activation_memory": [("max", 1000**3)],
        "training_memory": [("max", 8 * 1024**3)],
        "receptive_field": [("min", 200)],
        "layers": [("max", 0)],
    }
    assert budget["training_memory"].measure[1:5] == (64, "float16", "adam", "torch-cpu")
    assert budget["parameters"].span is not None
    assert (budget["parameters"].span.line, budget["parameters"].span.column) == (2, 3)


@pytest.mark.parametrize(
    ("text", "bound", "base", "expected"),
    [
        ("+5%", "max", 1000, 1050),
        ("+5%", "max", 1001, 1051),  # 1051.05
        ("-3%", "max", 1001, 970),  # 970.97
        ("-3%", "min", 1001, 971),
        ("+0%", "max", 7, 7),
        ("+2.5 %", "warn", 1000, 1025),
        ("+5%", "max", None, None),
    ],
)
def test_relative_limits_are_rounded_to_the_strict_side(
    text: str, bound: str, base: int | None, expected: int | None
) -> None:
    assert read_amount(text, "count").resolve(bound, base) == expected


def test_key_by_key_the_call_replaces_the_file_and_the_file_the_configuration() -> None:
    configuration = read_budget(from_python({"parameters": "1M", "macs": "1G", "layers": 3}))
    file = in_file("budget: {macs: {max: 2G, warn: 1G}, weights: 5K}")
    call = read_budget(from_calls([("max", "weights=6K"), ("min", "receptive_field=9")]))

    assert limits(merged(configuration, file, call)) == {
        "parameters": [("max", 1_000_000)],
        "weights": [("max", 6000)],
        "macs": [("max", 2 * 10**9), ("warn", 10**9)],
        "layers": [("max", 3)],
        "receptive_field": [("min", 9)],
    }


def test_calls_for_one_key_are_put_together() -> None:
    budget = read_budget(
        from_calls([("max", "training_memory=8GiB,batch=64"), ("warn", "training_memory=7GiB,batch=64")])
    )

    assert limits(budget) == {"training_memory": [("max", 8 * 1024**3), ("warn", 7 * 1024**3)]}
    assert budget["training_memory"].measure.batch == 64


BAD = {
    "parameters: 5Q": (
        "net.yaml:2:15: error[unknown-unit]: parameters: no unit 'Q' for a count (known: K, M, G, T)\n"
        "  |\n"
        "2 |   parameters: 5Q\n"
        "  |               ^^"
    ),
    "parameters: 5MiB": "net.yaml:2:15: error[unknown-unit]: parameters: no unit 'MiB' for a count",
    "training_memory: 8Gib": (
        "net.yaml:2:20: error[unknown-unit]: training_memory: no unit 'Gib' for bytes; did you mean 'GiB'? "
        "(known: B, KiB, MiB, GiB, TiB, kB, KB, MB, GB, TB)\n"
        "  |\n"
        "2 |   training_memory: 8Gib\n"
        "  |                    ^^^^"
    ),
    "training_memory: 8G": "net.yaml:2:20: error[unknown-unit]: training_memory: no unit 'G' for bytes",
    "paramters: 5M": (
        "net.yaml:2:3: error[unknown-key]: a budget has no key 'paramters'; did you mean 'parameters'?\n"
        "  |\n"
        "2 |   paramters: 5M\n"
        "  |   ^^^^^^^^^"
    ),
    "latency: 5M": (
        "net.yaml:2:3: error[unknown-key]: a budget has no key 'latency' (known: parameters, weights, macs, flops, "
        "activations, layers, parameter_memory, activation_memory, inference_memory, training_memory, inference_need, "
        "training_need, arena, flash, plan_arena, receptive_field, receptive_field_unclipped, allow_stated)"
    ),
    "parameters: -5M": (
        "net.yaml:2:15: error[wrong-value]: parameters: a limit is at least 0, found -5M\n"
        "  |\n"
        "2 |   parameters: -5M\n"
        "  |               ^^^"
    ),
    "parameters: .nan": (
        "net.yaml:2:15: error[unknown-unit]: parameters: '.nan' is not a count: write a number and a unit, as in 7M"
    ),
    "parameters: NaN": "net.yaml:2:15: error[unknown-unit]: parameters: 'NaN' is not a count",
    "parameters: .inf": "net.yaml:2:15: error[unknown-unit]: parameters: '.inf' is not a count",
    "parameters: 1e9": "net.yaml:2:15: error[unknown-unit]: parameters: '1e9' is not a count",
    "parameters: 1_000": "net.yaml:2:15: error[unknown-unit]: parameters: '1_000' is not a count",
    "parameters: 010": (
        "net.yaml:2:15: error[wrong-value]: parameters: a number cannot begin with 0, since some readers take it as "
        "octal: '010'"
    ),
    "parameters: 9999999999999999999": (
        "net.yaml:2:15: error[limit]: parameters: a number has at most 18 digits, but this one has 19"
    ),
    "parameters: 0.0001K": (
        "net.yaml:2:15: error[unknown-unit]: parameters: '0.0001K' is not a whole number of elements"
    ),
    "parameters: yes": "net.yaml:2:15: error[unknown-unit]: parameters: 'yes' is not a count",
    "parameters:": (
        "net.yaml:2:3: error[wrong-type]: parameters: expected a limit such as 7M, or a mapping with max, warn or min, "
        "found nothing\n"
        "  |\n"
        "2 |   parameters:\n"
        "  |   ^^^^^^^^^^"
    ),
    "parameters: [5M]": "net.yaml:2:15: error[wrong-type]: parameters: expected a limit such as 7M, or a mapping",
    "parameters: {}": (
        "net.yaml:2:3: error[empty-budget]: parameters: no limit: one of max, warn and min is needed, as in {max: 7M}"
    ),
    "training_memory: {batch: 3}": (
        "net.yaml:2:3: error[empty-budget]: training_memory: no limit: one of max, warn and min is needed, as in "
        "{max: 8GiB}"
    ),
    "parameters: {maxx: 5M}": (
        "net.yaml:2:16: error[unknown-key]: parameters has no key 'maxx'; did you mean 'max'? "
        "(known: max, warn, min, for)"
    ),
    "parameters: {max: 5M, batch: 3}": (
        "net.yaml:2:25: error[unknown-key]: parameters has no option 'batch'; keys with this option: "
        "activation_memory, inference_memory, training_memory"
    ),
    "training_memory: {max: 5GiB, batch: 0}": (
        "net.yaml:2:39: error[wrong-value]: training_memory: batch: expected a whole number of at least 1, found '0'"
    ),
    "training_memory: {max: 5GiB, optimizer: adm}": (
        "net.yaml:2:43: error[unknown-optimizer]: training_memory: no optimizer 'adm'; did you mean 'adam'?"
    ),
    "training_memory: {max: 5GiB, dtype: float8}": (
        "net.yaml:2:39: error[unknown-dtype]: training_memory: no dtype 'float8'; did you mean"
    ),
    "training_memory: {max: 5GiB, profile: torch-cud}": (
        "net.yaml:2:41: error[unknown-profile]: training_memory: no profile 'torch-cud'; did you mean 'torch-cuda'?"
    ),
    "parameters: {min: 6M, max: 5M}": (
        "net.yaml:2:16: error[wrong-value]: parameters: min 6M is above max 5M: no value satisfies both"
    ),
    "parameters: {max: 5M, warn: 6M}": (
        "net.yaml:2:25: error[wrong-value]: parameters: warn 6M is above max 5M: the warning would never be given"
    ),
    "parameters: 5%": (
        "net.yaml:2:15: error[wrong-value]: parameters: '5%' is not a change against the base: write +5% or -5%"
    ),
    "parameters: +5": (
        "net.yaml:2:15: error[wrong-value]: parameters: '+5': write a change with %, as in +5%, or a limit without "
        "a sign"
    ),
    "macs: board:raspberry-pi-pico": (
        "net.yaml:2:9: error[wrong-value]: macs: a board limits arena by its ram and flash by its flash, not macs"
    ),
    "arena: {warn: board:pico}": (
        "net.yaml:2:17: error[unknown-device]: arena: warn: no board 'pico'; did you mean board:raspberry-pi-pico"
    ),
    "parameters: -100%": (
        "net.yaml:2:15: error[wrong-value]: parameters: a decrease must be less than 100%, found '-100%'"
    ),
    "{}": (
        "net.yaml:2:3: error[empty-budget]: budget is empty: write a key and its limit, as in "
        "parameters: 7M\n"
        "  |\n"
        "2 |   {}\n"
        "  |   ^^\n"
        "  = hint: remove it if nothing is to be limited"
    ),
    "": "net.yaml:1:8: error[empty-budget]: budget is empty: write a key and its limit",
    "5M": (
        "net.yaml:2:3: error[wrong-type]: budget: expected a mapping of keys to limits, as in parameters: 7M, found "
        "'5M'"
    ),
    "- parameters": (
        "net.yaml:2:3: error[wrong-type]: budget: expected a mapping of keys to limits, as in parameters: 7M, found "
        "a list"
    ),
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: text or "nothing")
def test_a_bad_budget_is_refused_at_its_place(text: str) -> None:
    with pytest.raises(DesignError) as caught:
        in_file(f"budget:\n  {text}\n" if text else "budget:\n")

    assert str(caught.value).startswith(BAD[text])
    assert "^" in str(caught.value)


def test_a_board_limits_arena_and_flash_by_its_memories() -> None:
    """A Raspberry Pi Pico has 264 KiB of RAM and 2 MiB of flash."""
    budget = in_file(
        "budget:\n  arena: board:raspberry-pi-pico\n  flash: {max: 'Board: Raspberry Pi Pico', warn: 1MiB}\n"
    )
    assert limits(budget) == {"arena": [("max", 264 * 1024)], "flash": [("max", 2 * 1024**2), ("warn", 1024**2)]}
    assert budget["flash"].limits[0].amount.text == "board:raspberry-pi-pico"
    assert limits(read_budget(from_calls([("max", "arena=board:raspberry-pi-pico,pointers=64")]))) == {
        "arena": [("max", 264 * 1024)]
    }
    assert limits(read_budget(from_python({"flash": "board:raspberry-pi-pico"}))) == {"flash": [("max", 2 * 1024**2)]}


def test_all_mistakes_are_told_in_one_run() -> None:
    with pytest.raises(DesignError) as caught:
        in_file("budget: {paramters: 5M, macs: 1X, training_memory: {max: 1GiB, batch: -1}}")

    assert [problem.code for problem in caught.value.problems] == ["unknown-key", "unknown-unit", "wrong-value"]


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        (
            [("max", "parameters=5M"), ("max", "parameters=6M")],
            "--max:1:1: error[repeated-key]: parameters has two limits: --max is given twice",
        ),
        (
            [("max", "training_memory=5GiB,batch=3"), ("warn", "training_memory=4GiB,batch=4")],
            "--warn:1:22: error[repeated-key]: training_memory has two values for batch: 3 and 4",
        ),
        ([("max", "parameters")], "--max:1:1: error[wrong-value]: expected KEY=LIMIT, as in parameters=7M, found"),
        ([("max", "parameters=")], "--max:1:1: error[wrong-value]: expected KEY=LIMIT"),
        ([("max", "=5M")], "--max:1:1: error[wrong-value]: expected KEY=LIMIT"),
        ([("warn", "paramters=5M")], "--warn:1:1: error[unknown-key]: a budget has no key 'paramters'; did you mean"),
        ([("max", "parameters=5Q")], "--max:1:12: error[unknown-unit]: parameters: max: no unit 'Q' for a count"),
        ([("max", "training_memory=5GiB,64")], "--max:1:22: error[wrong-value]: expected an option after the limit"),
        ([("max", "parameters=5M,batch=2")], "--max:1:15: error[unknown-key]: parameters has no option 'batch'"),
    ],
)
def test_a_bad_call_is_refused(calls: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(DesignError) as caught:
        read_budget(from_calls(calls))

    assert str(caught.value).startswith(message)


# Configurations


def configured(folder: Path, name: str, text: str) -> Budget | None:
    """The budget of a configuration in that folder."""
    return Configurations().of_folder(str(written(folder, {name: text}))).budget


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[tool.cnncalc.budget]\nparameters = "5M"\n', (2, 1)),
        ("[tool.cnncalc.budget]\nparameters = 5_000_000 # so many\n", (2, 1)),
        ('[tool]\ncnncalc.budget.parameters = "5M"\n', (2, 1)),
        ('[tool.cnncalc]\nbudget = {"parameters" = "5M"}\n', (2, 11)),
        ("[tool.'cnncalc'.budget.parameters]\nmax = '5M'\n", (1, 1)),
        ('[other]\nx = """\n[tool.cnncalc.budget]\nmacs = 1\n"""\n[tool.cnncalc.budget]\nparameters = "5M"', (7, 1)),
    ],
)
def test_keys_of_a_configuration_have_their_places(tmp_path: Path, text: str, place: tuple[int, int]) -> None:
    budget = configured(tmp_path, "pyproject.toml", text)

    assert budget is not None
    assert limits(budget) == {"parameters": [("max", 5_000_000)]}
    span = budget["parameters"].span
    assert span is not None
    assert (span.line, span.column) == place


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("cnncalc.toml", '[budget]\nparamters = "5M"\n', ":2:1: error[unknown-key]: a budget has no key 'paramters'"),
        ("cnncalc.toml", "[budget]\n", ":1:1: error[empty-budget]: budget is empty: write a key and its limit"),
        ("cnncalc.toml", "[budgets]\nmacs = 1\n", ":1:1: error[unknown-key]: the configuration has no key 'budgets'"),
        (
            "cnncalc.toml",
            "[budget]\nmacs = 1\nmacs = 2\n",
            ":3:1: error[repeated-key]: the key 'macs' is repeated; it is already on line 2",
        ),
        ("cnncalc.toml", "[budget]\nmacs = nan\n", ":2:8: error[unknown-unit]: macs: 'nan' is not a count"),
        ("cnncalc.toml", "[budget]\nmacs = true\n", ":2:8: error[unknown-unit]: macs: 'true' is not a count"),
        ("cnncalc.toml", "[budget]\nmacs = -1\n", ":2:8: error[wrong-value]: macs: a limit is at least 0, found -1"),
        ("cnncalc.toml", "a." * 100_000, ":1:127: error[limit]: a key has at most 64 parts"),
        ("cnncalc.toml", "a = " + "[" * 100_000, "values are nested too deeply"),
        ("cnncalc.toml", "[budget]\nmacs = \n", ":2:8: error[toml-syntax]: TOML: "),
        (
            "pyproject.toml",
            "[tool.cnncalc.budget]\nmacs = {max = 1, max = 2}\n",
            ":2:18: error[repeated-key]: the key 'max' is repeated; it is already on line 2",
        ),
        ("pyproject.toml", "[tool.cnncalc]\nselect = 3\n", ":2:1: error[wrong-type]: select: expected a list of words"),
        (
            "cnncalc.toml",
            'ignore = ["first-fc", "first-fcc"]\n',
            ":1:1: error[unknown-rule]: ignore: no design rule 'first-fcc'; did you mean 'first-fc'?",
        ),
    ],
)
def test_a_bad_configuration_is_refused_at_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DesignError) as caught:
        configured(tmp_path, name, text)

    assert message in str(caught.value)
    assert name in str(caught.value)


def test_the_nearest_configuration_holds_and_the_search_ends_at_the_repository(tmp_path: Path) -> None:
    """A pyproject.toml without a table for cnncalc is passed over."""
    written(
        tmp_path,
        {
            "pyproject.toml": "[tool.cnncalc.budget]\nmacs = 1\n",
            "a/pyproject.toml": "[project]\nname = 'a'\n",
            "a/nets/x.yaml": TINY,
            "b/cnncalc.toml": "[budget]\nmacs = 2\n",
            "b/nets/x.yaml": TINY,
            "c/.git/config": "",
            "c/nets/x.yaml": TINY,
        },
    )
    known = Configurations()

    found = [known.of_folder(str(tmp_path / folder / "nets")).budget for folder in "abc"]

    assert [budget and limits(budget) for budget in found] == [{"macs": [("max", 1)]}, {"macs": [("max", 2)]}, None]


def test_two_configurations_in_one_folder_are_refused(tmp_path: Path) -> None:
    written(tmp_path, {"pyproject.toml": "[tool.cnncalc.budget]\nmacs = 1\n", "cnncalc.toml": "[budget]\nmacs = 2\n"})

    with pytest.raises(DesignError, match="two configurations: "):
        Configurations().of_folder(str(tmp_path))


# Measures


def test_each_key_is_measured_as_the_table_and_memory_say() -> None:
    import cnncalc
    from cnncalc.memory.arena import plan
    from cnncalc.memory.micro import micro_report
    from cnncalc.memory.report import Options, account_memory

    report = cnncalc.analyze(
        "INPUT 32x32x3 -> [CONV3-32 -> RELU -> CONV3-32 -> RELU -> POOL2]*2 -> FC-256 -> RELU -> FC-10"
    )
    meter = Meter(report)
    memory = account_memory(report, Options(batch=3, optimizer="adam"))
    budget = read_budget(
        from_python(
            {key: {"max": 1} for key in KEYS if key != ALLOW_STATED}
            | {key: {"max": 1, "batch": 3, "optimizer": "adam"} for key in ("training_memory", "training_need")}
            | {"inference_need": {"max": 1, "autocast": "bfloat16", "image_batches": 2}}
            | {"plan_arena": {"max": 1, "dtype": "int8", "batch": 2}}
            | {"arena": {"max": 1, "pointers": 64}}
        )
    )

    found = {key: meter.value(entry.measure) for key, entry in budget.items()}

    assert found == {
        "parameters": PARAMETERS,
        "weights": PARAMETERS - 4 * 32 - 266,
        "macs": 32 * 32 * 27 * 32 + 32 * 32 * 288 * 32 + 2 * 16 * 16 * 288 * 32 + 2048 * 256 + 2560,
        "flops": 2 * (32 * 32 * 27 * 32 + 32 * 32 * 288 * 32 + 2 * 16 * 16 * 288 * 32 + 2048 * 256 + 2560),
        "activations": 3072 + 2 * 32 * 32 * 32 + 3 * 16 * 16 * 32 + 8 * 8 * 32 + 266,
        "layers": 6,
        "parameter_memory": 4 * PARAMETERS,
        "activation_memory": 4 * report.totals.activations,
        "inference_memory": account_memory(report).inference.peak_bytes,
        "training_memory": memory.training.peak_bytes,
        "inference_need": account_memory(report, Options(autocast="bfloat16", image_batches=2)).inference.need_bytes,
        "training_need": memory.training.need_bytes,
        "arena": micro_report(report, pointers=64).arena.total_bytes,
        "flash": micro_report(report).flash.bytes,
        "plan_arena": plan(report, batch=2, dtype="int8", order="best").arena_bytes,
        "receptive_field": 16,
        "receptive_field_unclipped": 16,
    }


@pytest.mark.parametrize(
    ("limit", "options", "field"),
    [
        ("training_memory=1,checkpoint=blocks,batch=3", {"checkpoint": "blocks", "batch": 3}, "peak_bytes"),
        ("training_need=1,checkpoint=layer1.0", {"checkpoint": "layer1.0"}, "need_bytes"),
        ("training_need=1,reserve=600MiB", {"reserve": 600 * 1024**2}, "need_bytes"),
        ("training_need=1,reserve=0,optimizer=adam", {"reserve": 0, "optimizer": "adam"}, "need_bytes"),
    ],
)
def test_checkpointing_and_reserve_are_options(limit: str, options: dict[str, Any], field: str) -> None:
    import cnncalc
    from cnncalc.memory.report import Options, account_memory

    report = cnncalc.analyze("resnet18")
    (entry,) = read_budget(from_calls([("max", limit)])).values()
    expected = getattr(account_memory(report, Options(**options), details=False).training, field)
    assert Meter(report).value(entry.measure) == expected
    assert all(name in entry.measure.identity for name in options)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("training_need=1GiB,reserve=600", "training_need: reserve: '600' has no unit: 600 bytes, or 600GiB?"),
        ("training_need=1GiB,reserve=some", "training_need: reserve: expected auto or bytes such as 600MiB"),
        ("training_memory=1GiB,checkpoint=", "training_memory: checkpoint: expected none, blocks, stages, sqrt, best"),
        ("inference_memory=1GiB,reserve=0", "keys with this option: inference_need, training_need"),
    ],
)
def test_wrong_checkpointing_and_reserve(limit: str, message: str) -> None:
    with pytest.raises(DesignError) as error:
        read_budget(from_calls([("max", limit)]))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("net", "expected"), [("vgg16", 212), ("lenet5", 32), ("INPUT 9x7x3 -> FC-3", 7), ("googlenet-aux", 224)]
)
def test_the_receptive_field_is_that_of_the_last_layer_with_a_window(net: str, expected: int) -> None:
    import cnncalc

    budget = read_budget(from_python({"receptive_field": 1}))
    assert Meter(cnncalc.analyze(net)).value(budget["receptive_field"].measure) == expected


@pytest.mark.parametrize("net", ["vgg16", "resnet18", "lenet5"])
@pytest.mark.parametrize("key", ["inference_memory", "training_memory"])
@pytest.mark.parametrize("batch", [1, 16])
def test_shares_of_memory_are_no_more_than_the_whole(net: str, key: str, batch: int) -> None:
    import cnncalc

    measure = read_budget(from_python({key: {"max": 1, "batch": batch}}))[key].measure
    meter = Meter(cnncalc.analyze(net))

    shares = meter.shares(measure)

    assert 0 < sum(share.value for share in shares) <= meter.value(measure)
    assert [share.value for share in shares] == sorted((share.value for share in shares), reverse=True)


SPLIT = "INPUT 16x16x4 -> [CONV3-4 | CONV5-4] -> CONCAT -> SLICE(0, to=4) -> CONV3-2"
"""A net that sees at most 7x7 pixels: the channels that are kept see fewer."""


def checked(*limits: tuple[str, str]) -> CheckResult:
    """The check of SPLIT with limits such as ("max", "parameters=10")."""
    options = CheckOptions(read_budget(from_calls(limits)), rules=False)
    return Checker(options, Settings()).check([SPLIT])


@pytest.mark.parametrize("key", ["receptive_field", "receptive_field_unclipped"])
def test_a_limit_that_an_upper_bound_cannot_decide_is_an_error(key: str) -> None:
    """The other limits are checked all the same."""
    result = checked(("max", f"{key}=6"), ("min", f"{key}=5"), ("max", "parameters=10"))
    (file,) = result.files
    assert sorted(problem.message for problem in file.problems) == [
        f"{key}: max 6 cannot be decided: conv3 sees at most 7 pixels, and may see fewer",
        f"{key}: min 5 cannot be decided: conv3 sees at most 7 pixels, and may see fewer",
    ]
    assert {(problem.code, problem.hint) for problem in file.problems} == {("undecidable", "max 7 would pass")}
    assert [finding.key for finding in file.findings] == ["parameters"]
    assert result.code == 2


def test_an_upper_bound_within_a_max_passes() -> None:
    assert checked(("max", "receptive_field=7")).code == 0


def test_the_help_and_the_manual_name_every_key() -> None:
    from tests.calls import ROOT, cnncalc

    help_text = cnncalc("check", "--help").stdout
    manual = (ROOT / "docs/guard.md").read_text(encoding="utf-8")

    words = set(help_text.replace(",", " ").split())
    assert set(KEYS) <= words
    assert all(f"`{key}`" in manual for key in KEYS)


# Stated figures

STATED = "layers:\n - input: 8x8x3\n - opaque: {output: [8, 8, 4], parameters: 9, macs: 5}\n"


@pytest.mark.parametrize(("text", "code"), [("no", 1), ("yes", 0), ("{max: no}", 1), ("off", 1)])
def test_stated_figures_are_forbidden_by_one_word(text: str, code: int, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(f"{STATED}budget: {{allow_stated: {text}}}\n", encoding="utf-8")

    options = CheckOptions(budget={}, rules=False)
    (result,) = Checker(options, Settings()).check([str(file)]).files

    assert result.code() == code
    assert [finding.message for finding in result.findings if finding.code == "budget"] == [
        "no figures may be stated, but those of 1 layer are: opaque1"
    ] * code
