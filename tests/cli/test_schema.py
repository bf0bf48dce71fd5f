"""The JSON Schema: every named net is valid, and what the schema refuses cnncalc refuses too."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.checks.configuration import Configurations
from cnncalc.checks.rules import RULES
from cnncalc.checks.schema import any_case, architecture_schema, configuration_schema, kind_pattern, reader_schemas
from cnncalc.errors import CnncalcError
from cnncalc.figures.budget import read_budget
from cnncalc.layers import KINDS
from tests.calls import ROOT, called
from tests.random_nets import fixed_seeds

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SCHEMA = ROOT / "docs" / "architecture.schema.json"
CONFIGURATION = ROOT / "docs" / "configuration.schema.json"
NETS = sorted(
    [
        *ROOT.glob("architectures/*.yaml"),
        *ROOT.glob("tests/variants/*.yaml"),
        *ROOT.glob("tests/language/examples/*.yaml"),
    ]
)
VALIDATOR = jsonschema.Draft7Validator(architecture_schema())


class _Editor(yaml.SafeLoader):
    """YAML as editors read it (version 1.2): ``no`` is a word, ``12:30`` and dates are too."""


_Editor.yaml_implicit_resolvers = {}
for _kind, _pattern in (
    ("bool", "true|True|TRUE|false|False|FALSE"),
    ("int", "[-+]?[0-9]+"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"),
    ("null", "~|null|Null|NULL|"),
):
    _Editor.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), None)
_Editor.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
_Editor.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


def as_read(text: str) -> Any:
    """A YAML text as JSON: keys are texts."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key if isinstance(key, str) else json.dumps(key, default=str): plain(part)
                for key, part in value.items()
            }
        return [plain(part) for part in value] if isinstance(value, list) else value

    return plain(yaml.load(text, Loader=_Editor))  # noqa: S506  # made from the safe loader


def schema_refuses(text: str) -> bool:
    return not VALIDATOR.is_valid(as_read(text))


def cnncalc_refuses(text: str) -> bool:
    """Whether the file is refused by one of the commands: its design, its volumes or its budget."""
    try:
        graph = load_bytes("x.yaml", text.encode())
        account(graph)
        if graph.budget is not None and graph.budget.what != "nothing":
            read_budget(graph.budget)
    except CnncalcError:
        return True
    return any(item.code not in RULES for item in graph.ignore)


# The documents


@pytest.mark.parametrize(("file", "options"), [(SCHEMA, ()), (CONFIGURATION, ("--config",))])
def test_the_schema_files_are_up_to_date(file: Path, options: tuple[str, ...], regenerate: bool) -> None:
    done = called("schema", *options)

    assert (done.returncode, done.stderr) == (0, "")
    if regenerate:
        file.write_text(done.stdout, encoding="utf-8", newline="\n")
    assert done.stdout == file.read_text(encoding="utf-8")


def test_a_schema_is_written_to_a_file(tmp_path: Path) -> None:
    done = called("schema", "--output", str(tmp_path / "x.json"))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == SCHEMA.read_text(encoding="utf-8")


@pytest.mark.parametrize("schema", [architecture_schema(), configuration_schema()])
def test_the_schemas_are_valid_schemas(schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(schema)

    text = json.dumps(schema)
    names = set(re.findall(r'"#/definitions/([^/"]+)', text))
    assert names == set(schema.get("definitions", {}))


def test_every_kind_and_key_is_described() -> None:
    """Each reader has a definition, and each kind its docstring and its keys."""
    definitions = architecture_schema()["definitions"]

    assert set(reader_schemas()) <= set(definitions)
    for kind, layer in KINDS.items():
        schema = definitions[f"layer-{kind}"]
        assert schema["description"].startswith((layer.__doc__ or "").split("``")[0].split("\n")[0])
        assert set(layer.keys) < set(schema["properties"])
        assert all(schema["properties"][key]["description"].startswith(f"{key}: ") for key in layer.keys)
        assert set(definitions[f"defaults-{kind}"]["properties"]) - {"trainable"} == set(layer.keys)


def test_no_kind_matches_the_schema_of_another() -> None:
    assert any_case("in2") == "[Ii][Nn]2"
    for kind in KINDS:
        for other in KINDS:
            written = [other, other.upper(), other.capitalize()]
            assert all(bool(re.search(kind_pattern(kind), word)) == (kind == other) for word in written) or (
                (kind, other) == ("relu", "relu6")  # relu with a kernel of 6, if it had one
            )
    for word in ("CONV3-64/2", "conv1x7-8(pad=same)", "CONV-3@a", "Conv: x"):
        assert re.search(kind_pattern("conv"), word)
    for word in ("conv_x(3)", "convolution", "conv3x(4)", "dwconv"):
        assert not re.search(kind_pattern("conv"), word)


# Architecture files


@pytest.mark.parametrize("size", ["16000x1", "8x16x16x3", "[16000, 1]", "[8, 16, 16, 3]"])
def test_volumes_of_one_and_three_sides_are_valid(size: str) -> None:
    text = f"input: {size}\nlayers:\n  - RELU: [{size.strip('[]').replace(', ', 'x')}]\n"

    assert list(VALIDATOR.iter_errors(as_read(text))) == []
    rows = account(load_bytes("x.yaml", text.encode())).layers
    assert rows[0].output == rows[1].output


@pytest.mark.parametrize("path", NETS, ids=lambda path: path.name)
def test_every_net_is_valid(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert list(VALIDATOR.iter_errors(as_read(text))) == []
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("architectures/*.yaml")), ids=lambda path: path.name)
def test_every_named_net_leads_editors_to_the_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]

    found = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)

    assert found is not None
    assert (path.parent / found[1]).resolve() == SCHEMA


VALID = """\
name: x
input: 32x32x3
variables: {w: 8, k: [1, 2]}
defaults: {conv: {bias: no, pad: same}, pool: {round: ceil}}
blocks:
  B(f, s=1): "CONV3-f/s -> RELU"
  R:
    - conv: {filters: "{w}", kernel: [3, 1], pad: [1, 0], stride: 1}
    - bn: {scale: no}
layers:
  - conv: {name: a, filters: 8, kernel: 3, stride: [1, 1], pad: 1, dilation: 1, groups: 1, bias: yes, trainable: no}
  - relu
  - R
  - CONV3-12/2: {pad: [1, 1, 1, 1], name: b}
  - B(4)
  - conv: {filters: 2, kernel: 1, connections: [[0, 1], [2, 3]]}
  - lrelu: 0.2
  - pool: {kernel: 2, stride: 2, pad: 0}
  - avgpool: {output: 4x4}
  - dwconv: 3
  - B: {f: 6, s: 1, name: call}
  - conv: {filters: 6, kernel: 1, name: p, inputs: a}
  - avgpool: {output: [4, 4]}
  - concat: {inputs: [call, avgpool2]}
  - dropout: 0.3
  - upsample: {factor: 2, mode: bilinear}
  - pad: {pad: [1, -1]}
  - gn: {groups: 1, scale: on}
  - slice: {from: 0, to: 4}
  - shuffle: 2
  - deconv: {filters: 3, kernel: 2, output_pad: 0}
  - lrn: {size: 3, alpha: 1e-4, region: within}
  - fc: {units: 10, training_only: no}
  - FC: [1x1x5]
  - reshape: {size: 1x1x5}
budget:
  parameters: 4M
  macs: {max: 10G, warn: 9G}
  training_memory: {max: 8GiB, batch: 64, optimizer: momentum}
ignore: [odd-depth, {large-kernel: [a, b]}]
"""


def test_the_schema_accepts_what_cnncalc_accepts() -> None:
    assert not cnncalc_refuses(VALID)
    assert not schema_refuses(VALID)


BAD = [
    ("input: 32x32x3", "input: 32"),
    ("input: 32x32x3", "input: 32x32x32x32x3"),
    ("input: 32x32x3", "input: [32, 32, 0]"),
    ("input: 32x32x3", 'input: "{w}"'),
    ("name: x\n", "nmae: x\n"),
    ("name: x\n", "name: [x]\n"),
    ("{w: 8,", "{2w: 8,"),
    ("{w: 8,", "{w: {a: 1},"),
    ("defaults: {conv:", "defaults: {cnov:"),
    ("bias: no, pad: same}", "bais: no, pad: same}"),
    ("bias: no, pad: same}", "bias: nope, pad: same}"),
    ("round: ceil", "round: up"),
    ('B(f, s=1): "CONV3-f/s -> RELU"', "B(f, s=1): {conv: 3}"),
    ("kernel: [3, 1], pad", "kernel: [3, 1, 1, 1], pad"),
    ("scale: no}", "scale: 0}"),
    ("filters: 8,", "filters: 0,"),
    ("filters: 8,", "filters: eight,"),
    ("filters: 8,", "filters: {w},"),
    ("filters: 8,", "filters: 8.5,"),
    ("filters: 8,", "filter: 8,"),
    ("kernel: 3, stride: [1, 1]", "kernel: 3x3x3x3, stride: [1, 1]"),
    ("pad: 1, dilation", "pad: -1, dilation"),
    ("pad: 1, dilation", "pad: [1, 1, 1, 1, 1], dilation"),
    ("pad: 1, dilation", "pad: full, dilation"),
    ("  - relu\n", "  - relu: {slope: 1}\n"),
    ("  - relu\n", "  - relu: {trainable: no}\n"),
    ("  - relu\n", "  - [relu]\n"),
    ("  - relu\n", "  - {relu: , bn: }\n"),
    ("  - relu\n", "  - ''\n"),
    ("[[0, 1], [2, 3]]", "[0, 1]"),
    ("[[0, 1], [2, 3]]", "[[0, 1], []]"),
    ("lrelu: 0.2", "lrelu: much"),
    ("dropout: 0.3", "dropout: 1.3"),
    ("output: 4x4", "output: 4x4x4x4"),
    ("mode: bilinear", "mode: cubic"),
    ("from: 0,", "from: -1,"),
    ("FC: [1x1x5]", "FC: [5]"),
    ("size: 1x1x5", "size: 5"),
    ("training_only: no", "training_only: sometimes"),
    ("parameters: 4M", "parameter: 4M"),
    ("parameters: 4M", "parameters: 4MiB"),
    ("parameters: 4M", "parameters: -4"),
    ("parameters: 4M", "parameters: {max: 4M, batch: 2}"),
    ("max: 10G, warn", "maximum: 10G, warn"),
    ("{max: 10G, warn: 9G}", "{}"),
    ("max: 8GiB", "max: 8GBi"),
    ("batch: 64", "batch: 0"),
    ("optimizer: momentum", "optimizer: adm"),
    ("[odd-depth,", "[odd-deepth,"),
    ("{large-kernel: [a, b]}", "{large-kernel: []}"),
]


@pytest.mark.parametrize(("valid", "bad"), BAD)
def test_invalid_files_are_refused_by_both(valid: str, bad: str) -> None:
    assert VALID.count(valid) == 1
    text = VALID.replace(valid, bad)

    assert schema_refuses(text)
    assert cnncalc_refuses(text)


@pytest.mark.parametrize("text", ["name: x\n", "layers: []\n", "layers: {conv: 3}\n", "[]\n", "layers:\n"])
def test_a_file_without_layers_is_refused_by_both(text: str) -> None:
    assert schema_refuses(text)
    assert cnncalc_refuses(text)


VALUES = (
    "0", "-1", "3", "1.5", "yes", "no", "same", "valid", "'{w}'", "{w}", "[1, 2]", "[1, 2, 3]", "[]", "{}", "null",
    "''",
    "'3'", "1x7", "2x3x4", "[1x1x5]", "foo", "'1e-4'", "1e400", ".5", "ceil", "across", "[[0]]", "[[0, 1], 3]", "7M",
    "+5%", "8GiB", "8GBi", "'@a'", "'  '", "010", "1_0", "{filters: 3}", "{kernel: 3, bias: maybe}", "-0", "[yes, 2]",
    "'{w'", "Same", "YES", "2024-01-01", "CONV", "relu", "[a, b]", "true", "[null]", "'[1, 2]'", "Bilinear", "1x1",
    "0x3", "[3x4, 2]", "12:30",
)  # fmt: skip
WORDS = (
    "filters", "kernel", "nonsense", "name", "inputs", "share", "trainable", "training_only", "units", "pad", "CONV",
    "conv", "Conv3", "CONV3-8", "bias", "max", "batch", "dtype", "budget", "input", "layers", "R", "B(3)", "conv_x",
    "3", "relu6", "RELU(in_place=yes)",
)  # fmt: skip


class Raw(str):
    """A text of YAML, not of the value."""

    __slots__ = ()


def flow(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return value if re.fullmatch(r"[\w.+%-]+", value) else json.dumps(value)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path below the root."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, part in inner:
        found += places(part, (*path, key))
    return found


def mutated(random: Random, value: Any) -> Any:
    """The value with an entry added, removed or renamed."""
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2))):
        *way, last = random.choice(places(value))
        parent = value
        for key in way:
            parent = parent[key]
        if not isinstance(parent, (dict, list)):
            continue
        what = random.random()
        if what < 0.55:
            parent[last] = Raw(random.choice(VALUES))
        elif what < 0.65:
            parent.pop(last)
        elif isinstance(parent, dict):
            new = Raw(random.choice(VALUES)) if random.random() < 0.5 else parent.pop(last)
            parent[random.choice(WORDS)] = new
        else:
            entry = Raw(random.choice(VALUES))
            parent.insert(last, {random.choice(WORDS): entry} if random.random() < 0.5 else entry)
        if not places(value):
            break
    return value


@pytest.mark.parametrize("seed", range(4))
def test_cnncalc_refuses_what_the_schema_refuses(seed: int) -> None:
    """Valid files with one or two mistakes: the schema is never stricter than cnncalc, and finds most mistakes."""
    random = Random(seed)  # noqa: S311
    nets = [yaml.load(VALID, Loader=yaml.BaseLoader)]  # noqa: S506  # every scalar is a text
    nets += [yaml.load(random.choice(NETS).read_text("utf-8"), Loader=yaml.BaseLoader) for _ in range(5)]  # noqa: S506
    tally: Counter[tuple[bool, bool]] = Counter()

    for _ in fixed_seeds(30):
        text = flow(mutated(random, nets[0] if random.random() < 0.7 else random.choice(nets)))
        answer = schema_refuses(text), cnncalc_refuses(text)
        tally[answer] += 1
        assert answer != (True, False), text

    assert tally[True, True] > tally[False, True]


# The configuration


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ('base = "main"\n[budget]\nparameters = "7M"\nmacs = {max = "10G", warn = 5}\n', True),
        ('select = ["odd-depth"]\nignore = []\nbaseline = "x.json"\n', True),
        ("", True),
        ("[budgets]\nparameters = 7\n", False),
        ("[budget]\n", False),
        ("[budget]\nparameters = 7.5\n", False),
        ("[budget]\nparameters = -7\n", False),
        ("[budget]\nparameters = true\n", False),
        ("[budget]\nparameters = [7]\n", False),
        ('[budget]\nparameters = "7MB"\n', False),
        ('[budget]\nparametres = "7M"\n', False),
        ('[budget]\nmacs = {max = "10G", batch = 3}\n', False),
        ('[budget]\ntraining_memory = {max = "1GiB", dtype = "int8"}\n', False),
        ('[budget]\ntraining_memory = {max = "1GiB", dtype = "float16", batch = 3}\n', True),
        ('budget = "7M"\n', False),
        ("base = 3\n", False),
        ('base = ""\n', False),
        ('select = "odd-depth"\n', False),
        ("ignore = [3]\n", False),
    ],
)
def test_configurations(tmp_path: Path, text: str, is_right: bool) -> None:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11

    (tmp_path / "cnncalc.toml").write_text(text, encoding="utf-8")
    (tmp_path / ".git").mkdir()
    validator = jsonschema.Draft7Validator(configuration_schema())

    assert validator.is_valid(tomllib.loads(text)) == is_right
    try:
        Configurations().of_folder(str(tmp_path))
    except CnncalcError:
        assert not is_right
    else:
        assert is_right
