"""PyTorch modules as TARGET: layers, names and counts, and what a wrong target says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError
from tests.calls import called

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed, so no module can be read")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812  # its usual name


class Unit(nn.Module):
    """A residual unit."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Conv2d(inputs, width, 1, stride, bias=False) if inputs != width or stride > 1 else None

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class Mixed(nn.Module):
    """Operators of many kinds, in modules and in functions."""

    def __init__(self) -> None:
        super().__init__()
        self.units = nn.Sequential(Unit(3, 8, 1), Unit(8, 12, 2))
        self.up = nn.ConvTranspose2d(12, 8, 2, 2)
        self.slope = nn.PReLU()
        self.norm = nn.GroupNorm(2, 16, affine=False)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.line = nn.LayerNorm(16)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(16 * 6, 10)

    def forward(self, x: Any) -> Any:
        low = self.units(x)
        high = F.interpolate(self.slope(self.up(low)), scale_factor=0.5, mode="bilinear")
        x = torch.cat([high, low[:, :8]], 1)
        gate, value = x.chunk(2, dim=1)
        x = torch.cat([value * torch.sigmoid(gate), F.hardswish(gate)], 1)
        x = F.channel_shuffle(self.norm(x), 4)
        tokens = self.line(x.flatten(2).transpose(1, 2))
        tokens = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        x = tokens.transpose(1, 2).reshape(x.shape)
        x = F.adaptive_avg_pool2d(F.max_pool2d(x, 3, 2, ceil_mode=True), (3, 2))
        return self.fc(self.drop(x.flatten(1)))


def shapes_of(module: Any, size: tuple[int, ...]) -> dict[str, tuple[int, tuple[int, ...]]]:
    """For each module that learns and has none inside: its parameters, and the shape of its output."""
    found: dict[str, tuple[int, tuple[int, ...]]] = {}

    def keep(name: str) -> Any:
        def hook(inner: Any, _: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            found[name] = (sum(each.numel() for each in inner.parameters()), tuple(first.shape[1:]))

        return hook

    for name, inner in module.named_modules():
        is_whole = isinstance(inner, nn.MultiheadAttention)
        if (is_whole or not list(inner.children())) and list(inner.parameters()) and ".out_proj" not in name:
            inner.register_forward_hook(keep(name))
    *sides, depth = size
    module.eval()(torch.zeros(1, depth, *sides, device=next(module.parameters()).device))
    return found


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_every_module_that_learns_is_a_layer_of_its_name_with_its_volume_and_parameters(device: str) -> None:
    with torch.device(device):
        module = Mixed()
    report = account(cnncalc.from_torch(module, (24, 20, 3)))
    rows = {row.name: row for row in report.layers}
    for name, (count, shape) in shapes_of(module, (24, 20, 3)).items():
        assert rows[name].parameters == count
        assert rows[name].output.elements == torch.Size(shape).numel()
    assert report.totals.parameters == sum(each.numel() for each in module.parameters())
    assert report.totals.buffers == sum(
        each.numel() for name, each in module.named_buffers() if "num_batches" not in name
    )


def test_multiply_adds_are_those_of_the_counter_of_pytorch() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    module = nn.Sequential(Unit(3, 8, 2), Unit(8, 8, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)).eval()
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, 3, 22, 26))
    report = account(cnncalc.from_torch(module, (22, 26, 3)))
    assert 2 * report.totals.macs == counter.get_total_flops()


def test_what_training_depends_on_is_kept() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(inplace=True), nn.Dropout2d(0.2))
    module[0].requires_grad_(False)
    graph = cnncalc.from_torch(module, (9, 8, 3))
    assert [node.trainable for node in graph.nodes] == [True, False, True, True, True, True]
    keys = [node.layer.written() for node in graph.nodes]  # type: ignore[union-attr]
    assert keys[2:5:2] == [{"in_place": False}, {}]
    assert keys[5] == {"rate": 0.2, "whole": "channel"}


class Encoder(nn.Module):
    """Learned numbers of the module itself, and attention of several modules, one of which is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.place = nn.Parameter(torch.zeros(1, 1, 8)), nn.Parameter(torch.zeros(1, 13, 8))
        self.scale = nn.Parameter(torch.ones(8))
        self.qkv, self.proj, self.fc, self.head = nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.place
        q, k, v = self.qkv(x).reshape(-1, 13, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, 13, 8))
        return self.head(self.fc(torch.relu(self.fc(x) * self.scale)).mean(1))


def test_frozen_parameters_are_frozen_whichever_module_has_them() -> None:
    module = Encoder().requires_grad_(False)
    module.head.requires_grad_(True)
    graph = cnncalc.from_torch(module, (4, 3, 8))
    learned = [node for node in graph.nodes if node.layer.learns and node.share is None]  # type: ignore[union-attr]
    assert [node.layer.kind for node in learned if node.trainable] == ["fc"]
    assert {node.layer.kind for node in learned if not node.trainable} == {
        "token", "position", "attention", "linear", "scale",
    }  # fmt: skip
    assert cnncalc.analyze(graph).totals.trainable == 8 * 3 + 3
    assert not graph.notes
    module.qkv.weight.requires_grad_(True)
    graph = cnncalc.from_torch(module, (4, 3, 8))
    assert [node.layer.kind for node in graph.nodes if node.trainable and node.layer.learns] == [  # type: ignore[union-attr]
        "attention",
        "linear",
        "fc",
    ]
    assert graph.notes == ("layer taken as trained of which only some parameters are frozen",)


def test_one_weight_used_twice_is_shared() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Any) -> Any:
            return self.conv(self.conv(x))

    report = account(cnncalc.from_torch(Twice(), (7, 6, 3)))
    assert report.totals.parameters == 3 * 3 * 3 * 3 + 3
    assert [row.shared_with for row in report.layers] == [None, None, "conv"]


def test_learned_shifts_and_repeated_elements_are_layers() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(1, 6, 1, 1))
            self.conv = nn.Conv2d(6, 4, 3)

        def forward(self, x: Any) -> Any:
            x = torch.sigmoid(x) + self.shift
            return self.conv(x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)) + 1

    rows = account(cnncalc.from_torch(Shifted(), (9, 7, 6))).layers
    assert [row.label for row in rows[1:4]] == ["SIGMOID", "SCALE(scale=no)", "UPSAMPLE2"]
    assert rows[2].biases == 6


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1), (1, 1, 1, 1)])
@pytest.mark.parametrize(
    ("formula", "labels", "learned"),
    [
        (lambda x, a, b: x + torch.relu(x) * a, "RELU SCALE(shift=no, shared=yes) ADD", 1),
        (lambda x, a, b: torch.relu(x) * a + b, "RELU SCALE(shared=yes)", 2),
        (lambda x, a, b: (1 + a) * x - b, "SCALE(shared=yes)", 2),
        (lambda x, a, b: torch.relu(x) / a, "RELU SCALE(shift=no, shared=yes)", 1),
        (lambda x, a, b: torch.relu(x + b), "SCALE(scale=no, shared=yes) RELU", 1),
        (
            lambda x, a, b: (x * a).mean((2, 3)) * a + b,
            "SCALE(shift=no, shared=yes) GAP SCALE(shift=no, shared=yes) SCALE(scale=no, shared=yes)",
            2,
        ),
        (lambda x, a, b: x.flatten(2).transpose(1, 2) * a, "SCALE(shift=no, shared=yes)", 1),
    ],
)
def test_a_learned_number_is_one_factor_or_shift_for_all_channels(
    formula: Any, labels: str, learned: int, shape: tuple[int, ...]
) -> None:
    """As in ReZero, self-attention GANs, and graph isomorphism networks; a number that is used twice has two layers."""

    class Numbered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
            self.a, self.b = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))

        def forward(self, x: Any) -> Any:
            return formula(self.conv(x), self.a, self.b)

    report = account(cnncalc.from_torch(Numbered(), (7, 6, 3)))
    assert " ".join(row.label.replace(", ", ",") for row in report.layers[2:]) == labels.replace(", ", ",")
    assert report.totals.parameters == 3 * 3 * 3 * 4 + learned


@pytest.mark.parametrize(
    ("formula", "note"),
    [
        (lambda x, y, a: x * a[0] + y * (1 - a[0]), "2 weights computed from 3 numbers of the file"),
        (lambda x, y, a: x * a[:1].view(()), "1 weight computed from 3 numbers of the file"),
        (lambda x, y, a: x * a[0] + y * a[1] * a[2], None),
        (lambda x, y, a: x * a[0].tanh() + y * (a[1] - 1) / a[2], None),
    ],
)
def test_a_number_from_which_several_weights_are_computed_is_counted_once(formula: Any, note: str | None) -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Parameter(torch.ones(3))

        def forward(self, x: Any) -> Any:
            return formula(x, torch.relu(x), self.a)

    notes = [text for text in cnncalc.from_torch(Mixed(), (7, 6, 4)).notes if "computed from" in text]
    assert notes == ([note] if note else [])


@pytest.mark.parametrize("shape", [(), (4, 1, 1)])
def test_a_factor_and_a_shift_that_are_used_twice_are_shared(shape: tuple[int, ...]) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = [nn.Parameter(torch.ones(shape)) for _ in "abc"]

        def forward(self, x: Any) -> Any:
            x = torch.relu(x * self.a + self.b)
            x = torch.relu(x * self.a + self.b)
            x = torch.relu(x * self.a - self.b)  # another shift
            return torch.relu(x * self.a + self.c)

    rows = account(cnncalc.from_torch(Twice(), (7, 6, 4))).layers[1::2]
    assert [row.kind for row in rows] == ["scale"] * 4
    assert [row.shared_with for row in rows] == [None, rows[0].name, None, None]


class Formula(nn.Module):
    """A formula of a map, another one and two parameters."""

    def __init__(self, formula: Any) -> None:
        super().__init__()
        self.formula, self.one, self.two = formula, nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
        self.a, self.b = nn.Parameter(torch.ones(4, 1, 1)), nn.Parameter(torch.zeros(4, 1, 1))

    def forward(self, x: Any) -> Any:
        return self.formula(self.one(x), self.two(x), self.a, self.b)


@pytest.mark.parametrize(
    ("formula", "labels", "learned"),
    [
        (lambda x, y, a, b: torch.addcmul(b, x * y, a), "MUL SCALE", 8),
        (lambda x, y, a, b: b.addcmul(a, x * y), "MUL SCALE", 8),
        (lambda x, y, a, b: x.addcmul(a, y), "SCALE(shift=no) ADD", 4),
        (lambda x, y, a, b: x.addcmul_(y, a, value=2), "SCALE(shift=no) AFFINE(2) ADD:in_place", 4),
        (lambda x, y, a, b: torch.addcmul(x, y, y, value=0.5), "SQUARE AFFINE(0.5) ADD", 0),
        (lambda x, y, a, b: torch.addcmul(x, y, a * b), "SCALE(shift=no) ADD", 4),
        (lambda x, y, a, b: torch.addcdiv(x, y, torch.exp(x)), "EXP DIV ADD", 0),
        (lambda x, y, a, b: x.addcdiv_(y, a, value=-1), "SCALE(shift=no) NEG ADD:in_place", 4),
        (lambda x, y, a, b: torch.add(x, y, alpha=3), "AFFINE(3) ADD", 0),
        (lambda x, y, a, b: x.add_(y, alpha=3), "AFFINE(3) ADD:in_place", 0),
        (lambda x, y, a, b: torch.sub(x, y, alpha=3), "AFFINE(3) SUB", 0),
        (lambda x, y, a, b: torch.rsub(x, y, alpha=3), "AFFINE(3) SUB", 0),
        (lambda x, y, a, b: torch.rsub(x * y, 2, alpha=3), "MUL AFFINE(-3, 2)", 0),
        (lambda x, y, a, b: torch.lerp(x, y, 0.25), "SUB AFFINE(0.25) ADD", 0),
        (lambda x, y, a, b: x.lerp_(y, a), "SUB SCALE(shift=no) ADD:in_place", 4),
    ],
)
def test_a_sum_with_a_product_is_read_as_both(formula: Any, labels: str, learned: int) -> None:
    report = account(cnncalc.from_torch(Formula(formula), (7, 6, 3)))
    rows = [row for row in report.layers if row.kind not in ("input", "conv")]
    in_place = [":in_place" if row.layer.written().get("in_place") else "" for row in rows]
    assert " ".join(row.label + how for row, how in zip(rows, in_place, strict=True)) == labels
    assert all(row.output == (5, 4, 4) for row in rows)
    assert report.totals.parameters == 2 * (3 * 3 * 3 * 4 + 4) + learned
    assert report.totals.macs == 2 * 5 * 4 * 3 * 3 * 3 * 4


@pytest.mark.parametrize(
    ("formula", "labels"),
    [
        (lambda x, y: y * x.amax((2, 3), keepdim=True), "REDUCE(max, axes=[height, width]) MUL"),
        (
            lambda x, y: x.amax((2, 3)) + y.amin((-1, -2)),
            "REDUCE(max, axes=[height, width]) REDUCE(min, axes=[height, width]) ADD",
        ),
        (lambda x, y: torch.amax((x + y).flatten(2), -1), "ADD REDUCE(max, axes=[height, width])"),
        (lambda x, y: (x + y).permute(0, 2, 3, 1).amax([1, 2]), "ADD REDUCE(max, axes=[height, width])"),
        (lambda x, y: F.adaptive_max_pool2d(x + y, 1).flatten(1), "ADD GMP"),
        (lambda x, y: torch.max(x, y).min(x * y), "MAXIMUM MUL MINIMUM"),
    ],
)
def test_a_maximum_is_of_two_maps_or_of_all_sides_and_keeps_indices_only_as_a_pool(formula: Any, labels: str) -> None:
    report = account(cnncalc.from_torch(Formula(lambda x, y, *_: formula(x, y)), (7, 6, 3)))
    rows = [row for row in report.layers if row.kind not in ("input", "conv")]
    assert " ".join(row.label for row in rows) == labels
    assert all(row.output == (1, 1, 4) for row in rows if row.kind in ("reduce", "gmp"))


def test_axes_are_moved_and_maps_are_rolled() -> None:
    """movedim and moveaxis add no layer; roll works on batch x depth x sides as on batch x sides x depth."""

    class Moved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.LayerNorm(4)

        def forward(self, x: Any) -> Any:
            x = self.norm(torch.moveaxis(torch.roll(self.conv(x), (1, -2), (2, 3)), 1, -1))
            return torch.movedim(x, (0, 3), (0, 1)).mean((2, 3))

    graph = cnncalc.from_torch(Moved(), (7, 6, 3))
    assert [node.kind for node in graph.nodes] == ["input", "conv", "roll", "ln", "gap"]
    assert graph.nodes[2].layer.written() == {"shift": [1, -2]}  # type: ignore[union-attr]
    assert graph.nodes[3].layer.written() == {"axes": "depth"}  # type: ignore[union-attr]


def test_several_inputs_are_sized_by_name() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, left: Any, right: Any) -> Any:
            return self.conv(left).mean((2, 3)) + self.conv(right).mean((2, 3))

    graph = cnncalc.from_torch(Two(), {"left": (9, 8, 3), "right": (7, 6, 3)})
    assert [node.name for node in graph.nodes if node.is_input] == ["left", "right"]
    with pytest.raises(DesignError, match="has 2 inputs, but the size of right is not stated"):
        cnncalc.from_torch(Two(), {"left": (9, 8, 3)})


def test_sequences_and_vectors_enter_as_the_module_takes_them() -> None:
    line = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    assert account(cnncalc.from_torch(line, (1, 1, 6))).totals.macs == 6 * 8 + 8 * 3
    sound = nn.Sequential(nn.Conv1d(2, 4, 5), nn.ReLU(), nn.AdaptiveAvgPool1d(1))
    assert account(cnncalc.from_torch(sound, (40, 2))).totals.macs == 5 * 2 * 4 * 36
    tokens = nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 4))
    assert account(cnncalc.from_torch(tokens, (10, 6))).totals.macs == 10 * 6 * 4


class Spectrum(nn.Module):
    """An unsupported operator."""

    def forward(self, x: Any) -> Any:
        return torch.fft.rfft2(x).real + torch.cumsum(x, 1)[..., :5]


def test_every_unsupported_operator_is_named() -> None:
    with pytest.raises(DesignError) as caught:
        cnncalc.from_torch(Spectrum(), (8, 8, 3))
    text = str(caught.value)
    assert "fft_rfft2" in text
    assert "cumsum" in text


SOURCE = """
import torch
from torch import nn

net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 2))
number = 5

def build():
    print("building")
    return net

def needs(width):
    return net

def broken():
    raise ValueError("no data here")

def leaves():
    raise SystemExit(0)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(192, 7)

    def forward(self, x):
        return self.fc(x.flatten(1))

class Leaving(nn.Module):
    def forward(self, x):
        raise SystemExit(0)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of Python with modules."""
    path = tmp_path_factory.mktemp("code") / "zoo_of_tests.py"
    path.write_text(SOURCE)
    return path


@pytest.mark.parametrize(("name", "count"), [("net", 112 + 514), ("build", 112 + 514), ("Model", 192 * 7 + 7)])
def test_a_target_names_a_module_a_function_or_a_class(file: Path, name: str, count: int) -> None:
    done = called("value", f"{file}:{name}", "parameters", "--input", "8x8x3", "--exact")
    assert done.stdout == f"{count:,}\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nett", "has no 'nett'; did you mean 'net'?"),
        ("number", "must be a torch.nn.Module or a function that returns one, but is int"),
        ("needs", "TypeError"),
        ("broken", "ValueError: no data here"),
        ("leaves", "SystemExit: 0"),
        ("Leaving", "SystemExit: 0"),
        ("os", "has no 'os'"),
    ],
)
def test_a_wrong_target_is_an_error(file: Path, name: str, message: str) -> None:
    done = called("table", f"{file}:{name}", "--input", "8x8x3")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("target", ["no_such_module_here:net", "nowhere/zoo.py:net"])
def test_code_that_is_not_there(target: str) -> None:
    done = called("table", target)
    assert done.returncode == 2
    assert "no Python module" in done.stderr or "no file" in done.stderr


def test_a_size_that_the_module_cannot_take(file: Path) -> None:
    """In a process of its own, so that what PyTorch logs of the error would be seen."""
    words = [sys.executable, "-m", "cnncalc", "table", f"{file}:net", "--input", "9x9x3"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    problem, hint = done.stderr.splitlines()
    assert problem.startswith("error[wrong-module]: net cannot be run on input=9x9x3: RuntimeError: ")
    assert hint.startswith("  = hint: state the size of its input with --input; ")


class Repeated(nn.Module):
    """Modules that are called again, in a block and alone, and a function of one name in place and not."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.trunk = nn.Sequential(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()), nn.LocalResponseNorm(3))
        self.act = nn.Sigmoid()
        self.left, self.right = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Any) -> Any:
        x = F.leaky_relu(self.stem(x), 0.2)
        x = F.leaky_relu(self.trunk(x), 0.2, inplace=True)
        x = self.trunk(x)
        left = self.act(self.left(x))
        right = self.act(self.right(x))
        left += right
        left *= 1 - right
        return left - x


def test_layers_run_in_the_order_of_the_calls_of_their_modules() -> None:
    graph = cnncalc.from_torch(Repeated(), (8, 8, 3))
    assert [(node.name, node.layer.kind) for node in graph.nodes] == [
        ("x", "input"),
        ("stem", "conv"),
        ("leaky_relu", "lrelu"),
        ("trunk.0.0", "conv"),
        ("trunk.0.1", "relu"),
        ("trunk.1", "lrn"),
        ("leaky_relu_2", "lrelu"),
        ("trunk_2.0.0", "conv"),
        ("trunk_2.0.1", "relu"),
        ("trunk_2.1", "lrn"),
        ("left", "conv"),
        ("act", "sigmoid"),
        ("right", "conv"),
        ("act_2", "sigmoid"),
        ("add", "add"),
        ("rsub", "affine"),
        ("mul", "mul"),
        ("sub", "sub"),
    ]
    assert [graph.nodes[node.share].name for node in graph.nodes if node.share is not None] == ["trunk.0.0"]
    layers: dict[str, Any] = {node.name: node.layer for node in graph.nodes}
    in_place = {name: layer.in_place for name, layer in layers.items() if "in_place" in layer.keys}
    assert {name for name, placed in in_place.items() if placed is not False} == {"leaky_relu_2", "add", "mul"}


class Rearranged(nn.Module):
    """Channels in another order, windows and a sequence, of which blocks are called."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body, self.line = nn.Conv2d(3, 8, 1), nn.Sequential(nn.Conv2d(4, 4, 1)), Line()

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        x = x.view(-1, 2, 4, 8, 12).transpose(1, 2).reshape(-1, 8, 8, 12)
        left, right = x.chunk(2, 1)
        x = torch.cat([left, self.body(right)], 1).permute(0, 2, 3, 1)
        x = x.reshape(-1, 2, 4, 3, 4, 8).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, 8)
        x = self.line(x)
        return x.reshape(-1, 2, 3, 4, 4, 8).permute(0, 1, 3, 2, 4, 5).reshape(-1, 8, 12, 8).permute(0, 3, 1, 2)


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fc = nn.LayerNorm(8), nn.Linear(16, 16)

    def forward(self, x: Any) -> Any:
        return self.fc(self.norm(x).transpose(1, 2)).transpose(1, 2)


def test_a_layer_that_rearranges_is_where_the_program_copies_or_in_the_module_that_needs_it() -> None:
    graph = cnncalc.from_torch(Rearranged(), (8, 12, 3))
    names = [(node.name, node.layer.kind) for node in graph.nodes]
    assert names[:3] == [("x", "input"), ("stem", "conv"), ("shuffle1", "shuffle")]
    assert ("window1", "window") in names
    assert ("line.permute", "permute") in names
    places = [place for place, (name, _) in enumerate(names) if name.startswith("line.")]
    assert places == [*range(places[0], places[0] + 3)]


def test_pads_by_functions_are_layers_unless_a_convolution_runs_them_alike() -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)

        def forward(self, x: Any) -> Any:
            x = self.a(F.pad(x, (1, 1, 1, 1)))
            x = self.b(F.pad(x, (1, 0, 1, 0)))
            x = F.pad(x, (2, 0, 2, 0))
            return self.c(x) + self.b(x)

    graph = cnncalc.from_torch(Padded(), (9, 8, 3))
    layers: dict[str, Any] = {node.name: node.layer for node in graph.nodes}
    pads = {name: layer.pad for name, layer in layers.items() if "pad" in layer.keys}
    assert pads == {"pad": 1, "a": 0, "b": (1, 1, 0, 0), "pad_2": (2, 2, 0, 0), "c": 0, "b_2": 0}


def test_the_places_of_a_max_pool_are_read() -> None:
    class Unpooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)

        def forward(self, x: Any) -> Any:
            y, places = self.pool(x)
            return self.unpool(torch.tanh(y), places, output_size=x.shape)

    report = cnncalc.analyze(cnncalc.from_torch(Unpooled(), (9, 7, 4)))
    assert [row.kind for row in report.layers] == ["input", "pool", "tanh", "unpool"]
    assert report.layers[-1].output == (9, 7, 4)


def test_a_list_of_modules_is_no_call_that_holds_its_input() -> None:
    class Listed(nn.Module):
        def __init__(self, kind: Any) -> None:
            super().__init__()
            self.stem, self.blocks = nn.Conv2d(3, 16, 1), kind([nn.Sequential(nn.Conv2d(16, 16, 1)) for _ in range(3)])

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            for block in self.blocks:
                x = block(x)
            return x

    def inference(module: Any) -> int:
        graph = cnncalc.from_torch(module, (10, 10, 3))
        return cnncalc.account_memory(graph, profile="torch-cpu").inference.peak_bytes

    called = inference(nn.Sequential(nn.Conv2d(3, 16, 1), Listed(lambda blocks: nn.Sequential(*blocks)).blocks))
    assert called - inference(Listed(nn.ModuleList)) == 10 * 10 * 16 * 4
