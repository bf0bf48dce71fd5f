"""Gradients of every case, whole training steps and all optimizers, compared with PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import cnncalc
from cnncalc.layers.planes import planes
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.run.forward import draw_images
from cnncalc.run.optimizers import RATES, Optimizer
from cnncalc.run.training import HEAD_WEIGHT, Trainer, draw_targets
from cnncalc.run.weights import build
from tests.nets import NARROW
from tests.random_nets import fixed_seeds, random_design
from tests.run.test_training import BACKWARD_CASES, backward, heads, learned_of
from tests.subcases import each
from tests.test_layers import entering, parameters

if TYPE_CHECKING:
    from tests.layer_cases import Case

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed, so nothing here is compared with it")
from torch.nn import functional as F  # noqa: E402, N812  # its usual name

from cnncalc.interop.torch_training import layer_in_training as in_training  # noqa: E402


def tensor(x: Any, *, learned: bool = False) -> Any:
    """A tensor batch x depth x sides, a leaf of autograd, of an array batch x sides x depth."""
    return torch.from_numpy(np.ascontiguousarray(planes(x)).copy()).requires_grad_(learned)


def assert_close(array: Any, expected: Any) -> None:
    """Checks that the difference is at most 1e-10 of the largest value, plus 1e-13 for rounding."""
    expected = expected.numpy()
    assert array.shape == expected.shape
    assert np.abs(array - expected).max() <= 1e-10 * np.abs(expected).max() + 1e-13


COMPARED = [case for case in BACKWARD_CASES if case.kind != "opaque"]
"""All but stated layers, whose output and gradients are zeros."""


@each("case", COMPARED, by=lambda case: case.kind)
def test_gradients_of_each_layer_equal_those_of_pytorch(case: Case) -> None:
    (inputs, found), gradient = backward(case)
    names = learned_of(case)
    theirs = {name: torch.from_numpy(array).requires_grad_(name in names) for name, array in parameters(case).items()}
    entered = [tensor(x, learned=x.dtype.kind == "f") for x in entering(case)]
    mask = None
    if case.kind == "dropout":
        arrays = entering(case)
        _, extras = case.layer.forward_training(np, *arrays, random=np.random.default_rng(7))
        mask = torch.from_numpy(planes(extras["mask"]).copy())

    in_training(case.layer, entered, theirs, mask).backward(tensor(gradient))

    for array, x in zip(inputs, entered, strict=True):
        if array is None:  # an input whose values are not read: only its sizes, or the indices of a pool
            assert x.grad is None
        else:
            assert_close(planes(array), x.grad)
    for name, array in found.items():
        assert_close(array, theirs[name].grad)


def assert_step_is_that_of_pytorch(report: Any) -> None:
    """Compares loss, gradients of all parameters and running statistics of one step in float64."""
    trainer = Trainer(report, build(report, seed=4), None)
    images, targets = draw_images(report, seed=5), draw_targets(report, trainer.outputs, seed=6)
    theirs: dict[tuple[int, str], Any] = {}  # by owner, so that those of shared layers are the same
    for row, numbers in zip(report.layers, trainer.weights, strict=True):
        for array in row.own_arrays:
            leaf = theirs[row.index, array.name] = torch.from_numpy(numbers[array.name].copy())
            leaf.requires_grad_(array.name in trainer.learned[row.index])

    def used(row: Any, name: str) -> Any:
        owner, is_transposed = report.graph.owner(row.index, name)
        leaf = theirs[owner, name]
        return leaf.mT if is_transposed else leaf

    values: list[Any] = []
    for row in report.layers:
        inputs = [values[source] for source in row.sources] or [tensor(images[row.name])]
        values.append(in_training(row.layer, inputs, {array.name: used(row, array.name) for array in row.arrays}))
    expected: Any = 0
    for row in trainer.outputs:
        target = torch.from_numpy(targets[row.output.sides])
        each = F.cross_entropy(values[row.index], target)
        expected = expected + (HEAD_WEIGHT * each if row.training_only else each)

    step = trainer.step(images, targets)

    assert step.loss == pytest.approx(float(expected.detach()), rel=1e-10)
    if not trainer.names:
        return
    expected.backward()
    largest = max(float(x.grad.abs().max()) for x in theirs.values() if x.grad is not None)
    for row, name in trainer.names:
        gradient, grad = trainer.gradients[row, name], theirs[row, name].grad.numpy()
        # the gradient of a bias before BN is zero but for rounding, relative to the others
        assert np.abs(gradient - grad).max() <= 1e-10 * max(np.abs(grad).max(), 1e-3 * largest), (row, name)
    for row_of, numbers in zip(report.layers, trainer.weights, strict=True):
        if row_of.kind == "bn" and "mean" in numbers and row_of.shared_with is None:
            for name in ("mean", "variance"):
                assert_close(numbers[name], theirs[row_of.index, name])


NETS = [
    "lenet5-modern",
    "cifar-tiny",
    """INPUT[33x47x3] -> CONV3-6/2 -> BN -> RELU -> DWCONV5-2(pad=same) -> HSWISH
    -> [GAP -> FC-12 -> SIGMOID | ] -> MUL -> FC-5""",
    """INPUT[12x20x3] -> [CONV3-8 -> GELU -> POOL2 -> CONV3-12(dilation=2) -> PRELU -> DECONV2-8 | ]
    -> CONCAT -> LRN -> CONV1-4""",
    """INPUT[16x20x3] -> CONV3-8 -> [CONV3-8 -> BN -> RELU -> CONV3-8 -> BN | ] -> ADD -> RELU -> POOL
    -> [CONV1-4 | ] -> CONCAT -> GAP -> FC-7 -> SOFTMAX""",
    "resnet18",
    """INPUT[64x3] -> CONV9-8/2 -> BN -> RELU -> POOL -> [CONV3-8(pad=same) -> GELU | ] -> ADD -> LN(axes=depth)
    -> DECONV4-6/2 -> AVGPOOL3/2 -> LRN -> UPSAMPLE2(mode=bilinear) -> GAP -> FC-5""",
    """INPUT[5x8x12x3] -> CONV1x3x3-6/1x2x2 -> BN -> RELU -> POOL2(round=ceil) -> [DWCONV3 -> HSWISH | GAP -> SIGMOID]
    -> MUL -> GN3 -> DECONV2-4 -> IN -> PRELU -> FC-7""",
    "m5",
    "r3d18",
]
SMALL = {"resnet18": (64, 64, 3), "m5": (3200, 1), "r3d18": (9, 20, 28, 3)}
"""Smaller inputs for nets that accept any size, but not so small that BN normalizes only two numbers."""
NARROWED = {net: {"stages": NARROW} for net in ("resnet18", "r3d18")}


@pytest.mark.parametrize("net", NETS)
def test_a_step_of_a_net_equals_that_of_pytorch(net: str) -> None:
    size, variables = SMALL.get(net), NARROWED.get(net)
    assert_step_is_that_of_pytorch(cnncalc.analyze(net, batch=2, dtype="float64", input=size, variables=variables))


def test_a_step_with_shared_weights_heads_and_frozen_layers_equals_that_of_pytorch(tmp_path: Any) -> None:
    assert_step_is_that_of_pytorch(heads(tmp_path, batch=3, dtype="float64"))


@pytest.mark.parametrize("seed", fixed_seeds(12))
def test_a_step_of_a_random_net_equals_that_of_pytorch(seed: int) -> None:
    text = random_design(seed, without=("dropout", "sqrt")).text

    assert_step_is_that_of_pytorch(cnncalc.analyze(text, batch=2, dtype="float64", in_place=bool(seed % 2)))


THEIRS: dict[str, Any] = {
    "sgd": lambda p, decay: torch.optim.SGD(p, weight_decay=decay),
    "momentum": lambda p, decay: torch.optim.SGD(p, momentum=0.9, weight_decay=decay),
    "nesterov": lambda p, decay: torch.optim.SGD(p, momentum=0.9, nesterov=True, weight_decay=decay),
    "adagrad": lambda p, decay: torch.optim.Adagrad(p, weight_decay=decay),
    "rmsprop": lambda p, decay: torch.optim.RMSprop(p, weight_decay=decay),
    "rmsprop-centered": lambda p, decay: torch.optim.RMSprop(p, centered=True, weight_decay=decay),
    "rmsprop-momentum": lambda p, decay: torch.optim.RMSprop(p, momentum=0.9, weight_decay=decay),
    "adadelta": lambda p, decay: torch.optim.Adadelta(p, weight_decay=decay),
    "adam": lambda p, decay: torch.optim.Adam(p, weight_decay=decay),
    "amsgrad": lambda p, decay: torch.optim.Adam(p, amsgrad=True, weight_decay=decay),
    "adamw": lambda p, decay: torch.optim.AdamW(p, weight_decay=decay),
    "nadam": lambda p, decay: torch.optim.NAdam(p, weight_decay=decay),
    "radam": lambda p, decay: torch.optim.RAdam(p, weight_decay=decay),
}


def test_every_optimizer_is_compared() -> None:
    assert set(THEIRS) == set(OPTIMIZERS) == set(RATES)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_of_an_optimizer_equal_those_of_torch_optim(name: str, decay: float) -> None:
    """Eight steps, since the rectification of RAdam begins at the sixth."""
    random = np.random.default_rng(1)
    ours = [random.normal(size=shape) for shape in ((3, 5, 7), (40_001,))]
    theirs = [torch.from_numpy(array.copy()).requires_grad_() for array in ours]
    optimizer = Optimizer(name, ours, RATES[name]._replace(decay=decay))
    reference = THEIRS[name](theirs, decay)

    bound = 1e-9 if name == "nadam" else 1e-12  # PyTorch stores the product of the momenta in float32

    for _ in range(8):
        gradients = [random.normal(size=array.shape) for array in ours]
        for leaf, gradient in zip(theirs, gradients, strict=True):
            leaf.grad = torch.from_numpy(gradient.copy())
        optimizer.step(gradients)
        reference.step()
        for array, leaf in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(array, leaf.detach().numpy(), rtol=bound, atol=bound)
