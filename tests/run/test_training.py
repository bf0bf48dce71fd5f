"""A training step in NumPy: gradients compared with central differences, live bytes with the replay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnncalc
from cnncalc.errors import DesignError, ValueProblem
from cnncalc.layers import KINDS, Layer
from cnncalc.layers.memory import MASK, STATISTIC, Keeping, Saved
from cnncalc.layers.planes import pixels, planes
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.run.forward import draw_images, run
from cnncalc.run.live_memory import Watch
from cnncalc.run.optimizers import RATES, Optimizer
from cnncalc.run.training import HEAD_WEIGHT, Trainer, draw_targets, log_softmax
from cnncalc.run.verify_training import TrainingVerification, verify_training
from cnncalc.run.weights import build
from tests.case_nets import between_convolutions
from tests.layer_cases import CASES, Case
from tests.random_nets import fixed_seeds, random_design, sample
from tests.subcases import each
from tests.test_layers import entering, parameters, works_in_place

pytestmark = pytest.mark.slow

BACKWARD_CASES = [case for case in CASES if case.kind != "input"]
"""All cases but those of INPUT, which has no gradient."""

every_case = each("case", BACKWARD_CASES, by=lambda case: case.kind)


def forward(case: Case, arrays: list[Any], numbers: dict[str, Any], *, in_place: bool = False) -> tuple[Any, Any]:
    """The forward pass of a case in training, always with the same dropout mask; it works on copies."""
    arrays = [pixels(planes(x).copy()) for x in arrays]
    numbers = {name: array.copy() for name, array in numbers.items()}
    random = np.random.default_rng(7)
    if in_place:
        numbers["out"] = arrays[0]
    return case.layer.forward_training(np, *arrays, random=random, **numbers)


def random_gradient(shape: tuple[int, ...]) -> Any:
    """A random gradient of the shape of an output."""
    batch, *sides, depth = shape
    return pixels(np.random.default_rng(8).normal(size=(batch, depth, *sides)))


def kept(arrays: list[Any], keeping: Keeping) -> tuple[Any, ...]:
    """The inputs that are kept for backward, None for the others."""
    places = keeping.kept_inputs(len(arrays))
    return tuple([x if place in places else None for place, x in enumerate(arrays)])


def keeping_of(case: Case, *, in_place: bool = False, learns: bool = True) -> Keeping:
    layer = case.layer
    return layer.keeping(case.inputs, layer.output(*case.inputs), in_place=in_place, learns=learns)


def learned_of(case: Case) -> set[str]:
    return {array.name for array in case.layer.parameters(*case.inputs)}


def backward(case: Case, *, in_place: bool = False, learns: bool = True, wants: bool = True) -> Any:
    """The result of backward for a case, computed only from what is kept, and the gradient of its output."""
    arrays, numbers = entering(case), parameters(case)
    output, extras = forward(case, arrays, numbers, in_place=in_place)
    keeping = keeping_of(case, in_place=in_place, learns=learns)
    gradient = random_gradient(output.shape)
    saved = Saved(
        tuple([x.shape for x in arrays]),
        kept(arrays, keeping),
        output if keeping.output else None,
        {extra.name: extras[extra.name] for extra in keeping.extras},
        numbers,
        (wants,) * len(arrays),
        learns and bool(learned_of(case)),
    )
    return case.layer.backward(np, gradient, saved), gradient


@every_case
def test_gradients_equal_central_differences(case: Case) -> None:
    """For each input and parameter, in a random direction v: (L(x + h*v) - L(x - h*v)) / 2h = sum of gradient * v."""
    arrays, numbers = entering(case), parameters(case)
    (inputs, found), gradient = backward(case)
    random = np.random.default_rng(9)

    def slope(change: Any) -> float:
        ends = []
        for h in (1e-6, -1e-6):
            shifted, moved = change(h)
            output, _ = forward(case, shifted, moved)
            ends.append(float((output * gradient).sum()))
        return (ends[0] - ends[1]) / 2e-6

    for place, x in enumerate(arrays):
        for _ in range(0 if inputs[place] is None else 2):
            v = random.normal(size=x.shape)
            measured = slope(
                lambda h, v=v, p=place: ([a + h * v if i == p else a for i, a in enumerate(arrays)], numbers)
            )
            size = float(np.abs(inputs[place] * v).sum())
            assert abs(measured - float((inputs[place] * v).sum())) <= 1e-6 * max(size, 1e-3)
    for name, array in found.items():
        v = random.normal(size=array.shape)
        measured = slope(lambda h, v=v, n=name: (arrays, {**numbers, n: numbers[n] + h * v}))
        assert abs(measured - float((array * v).sum())) <= 1e-6 * max(float(np.abs(array * v).sum()), 1e-3)


@every_case
def test_each_learned_array_has_its_own_contiguous_gradient(case: Case) -> None:
    (inputs, found), _ = backward(case)
    numbers = parameters(case)

    assert set(found) == learned_of(case)
    for name, array in found.items():
        assert array.shape == numbers[name].shape
        assert array.flags.c_contiguous
        assert array.base is None or array.base.nbytes == array.nbytes
    for x, array, word in zip(entering(case), inputs, keeping_of(case).gradients, strict=True):
        assert array is None if word == "none" else array.shape == x.shape


def test_a_window_of_zeros_has_the_gradient_zero_in_lppool() -> None:
    x = np.zeros((1, 4, 4, 1))
    x[0, 0, 0] = 1
    for power in (1, 2, 3):
        layer = cnncalc.analyze(f"INPUT 4x4x1 -> LPPOOL2(power={power})").layers[-1].layer
        _, sums = layer.forward_training(np, x, random=np.random.default_rng(7))
        saved = Saved((x.shape,), (x,), None, sums, {}, (True,), False)
        (gradient,), _ = layer.backward(np, np.ones((1, 2, 2, 1)), saved)
        assert gradient[0, 0, 0, 0] == 1
        assert np.count_nonzero(gradient) == 1


@every_case
def test_gradients_share_memory_as_declared(case: Case) -> None:
    keeping = keeping_of(case)
    (inputs, _), gradient = backward(case)

    assert len(keeping.gradients) == len(inputs)
    for word, array in zip(keeping.gradients, inputs, strict=True):
        if word == "none":
            assert array is None
            continue
        assert np.shares_memory(array, gradient) == (word != "new")
        if word == "same":
            assert array is gradient
        if word == "new":
            owner = array if array.base is None else array.base
            assert owner.nbytes == array.nbytes
        assert np.may_share_memory(planes(array).reshape(len(array), -1), array)


@every_case
def test_extra_arrays_have_their_declared_sizes(case: Case) -> None:
    for learns in (True, False):
        keeping = keeping_of(case, learns=learns)
        _, extras = forward(case, entering(case), parameters(case))
        for extra in keeping.extras:
            array = extras[extra.name]
            assert array.size == extra.elements.at(2)
            widths: dict[int | str | None, int] = {MASK: 1, STATISTIC: 8, None: 8}
            assert array.itemsize == widths.get(extra.item, extra.item)


@each("case", [case for case in BACKWARD_CASES if learned_of(case)], by=lambda case: case.kind)
def test_a_frozen_layer_gives_the_same_input_gradients(case: Case) -> None:
    (expected, _), _ = backward(case)

    (inputs, found), _ = backward(case, learns=False)

    assert found == {}
    for x, other in zip(inputs, expected, strict=True):
        np.testing.assert_array_equal(x, other)


@every_case
def test_no_gradient_is_computed_for_an_input_that_needs_none(case: Case) -> None:
    if not learned_of(case):
        return
    (_, expected), _ = backward(case)

    (inputs, found), _ = backward(case, wants=False)

    assert inputs == (None,) * len(inputs)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name])


@each(
    "case",
    [case for case in BACKWARD_CASES if works_in_place(case) or case.keys.get("in_place") == "yes"],
    by=lambda case: case.kind,
)
def test_in_place_gives_the_same_gradients(case: Case) -> None:
    if not keeping_of(case, in_place=True).overwrites:
        return
    (expected, _), _ = backward(case)

    (inputs, _), _ = backward(case, in_place=True)

    for x, other in zip(inputs, expected, strict=True):
        np.testing.assert_allclose(x, other, rtol=1e-12, atol=1e-12)


@every_case
def test_single_precision_stays_single_in_training(case: Case) -> None:
    arrays = [pixels(planes(x).astype(np.float32)) for x in entering(case)]
    numbers = {name: array.astype(np.float32) for name, array in parameters(case).items()}
    output, extras = forward(case, arrays, numbers)
    keeping = keeping_of(case)
    shapes, inputs = tuple([x.shape for x in arrays]), kept(arrays, keeping)
    saved = Saved(shapes, inputs, output, extras, numbers, (True,) * len(arrays), True)
    inputs, found = case.layer.backward(np, random_gradient(output.shape).astype(np.float32, order="K"), saved)

    assert output.dtype == np.float32
    for array in (*inputs, *found.values()):
        assert array is None or array.dtype == np.float32


def kinds_without_a_gradient(kinds: dict[str, type[Layer]], cases: list[Case]) -> set[str]:
    """Kinds without a case, and kinds that do not override ``backward``."""
    covered = {case.kind for case in cases}
    return {
        name
        for name, kind in kinds.items()
        if name != "input" and (name not in covered or kind.backward is Layer.backward)
    }


def test_every_kind_has_a_gradient_and_a_case() -> None:
    assert kinds_without_a_gradient(KINDS, BACKWARD_CASES) == set()


def test_a_kind_without_a_gradient_is_found() -> None:
    new = type("New", (Layer,), {"kind": "new"})
    found = kinds_without_a_gradient({**KINDS, "new": new}, [*BACKWARD_CASES, Case("new", {}, ())])

    assert found == {"new"}
    assert kinds_without_a_gradient(KINDS, [case for case in BACKWARD_CASES if case.kind != "lrn"]) == {"lrn"}


# Training forward where it differs


def test_bn_uses_the_statistics_of_the_batch_and_updates_the_running_ones_by_a_tenth() -> None:
    """Four values a channel, 1 2 3 6: mean 3, variance 3.5, unbiased 14/3."""
    x = np.array([1.0, 2, 3, 6]).reshape(2, 1, 2, 1)
    mean, variance = np.array([10.0]), np.array([1.0])

    output, extras = KINDS["bn"]().forward_training(
        np, x, mean=mean, variance=variance, scale=np.array([2.0]), shift=np.array([5.0])
    )

    np.testing.assert_allclose(output.ravel(), (np.array([1, 2, 3, 6]) - 3) / (3.5 + 1e-5) ** 0.5 * 2 + 5)
    np.testing.assert_allclose(extras["mean"], [3])
    np.testing.assert_allclose(mean, [10 * 0.9 + 3 * 0.1])
    np.testing.assert_allclose(variance, [0.9 + 14 / 3 * 0.1])


def test_dropout_drops_its_rate_and_keeps_the_mean() -> None:
    x = pixels(np.ones((2, 5, 100, 100)))

    output, extras = KINDS["dropout"](rate=0.2).forward_training(np, x, random=np.random.default_rng(1))

    assert set(np.unique(output)) == {0, 1.25}
    assert abs(output.mean() - 1) < 0.01
    np.testing.assert_array_equal(extras["mask"], output > 0)


def test_a_max_pool_passes_the_gradient_to_the_first_of_equal_maxima() -> None:
    x = pixels(np.zeros((1, 1, 2, 2)))
    pool = KINDS["pool"]().on(2)
    _, extras = pool.forward_training(np, x)

    ((gradient,), _) = pool.backward(
        np, np.full((1, 1, 1, 1), 3.0), Saved((x.shape,), (None,), None, extras, {}, (True,))
    )

    np.testing.assert_array_equal(gradient[0, :, :, 0], [[3, 0], [0, 0]])


# Whole steps


HEADS = """
input: 12x14x3
layers:
  - CONV3-8(bias=no) -> BN -> RELU
  - conv: {name: twice, filters: 8}
  - relu: {name: here}
  - conv: {name: again, filters: 8, share: twice}
  - add: {inputs: [again, here]}
  - conv: {name: frozen, filters: 6, trainable: no}
  - pool: {name: fork}
  - fc: {name: head, units: 5, training_only: yes}
  - gap: {inputs: fork}
  - fc: {name: main, units: 5}
  - softmax
"""
"""Shared weights, a frozen layer, an auxiliary head, a softmax at the end."""


def heads(tmp_path: Any, **options: Any) -> Any:
    file = tmp_path / "heads.yaml"
    file.write_text(HEADS, encoding="utf-8")
    return cnncalc.analyze(str(file), **options)


def trained(report: Any, optimizer: str | None = None) -> tuple[Trainer, Any, Any]:
    trainer = Trainer(report, build(report), optimizer)
    return trainer, draw_images(report), draw_targets(report, trainer.outputs)


def test_gradients_of_a_whole_net_equal_central_differences(tmp_path: Any) -> None:
    report = heads(tmp_path, batch=2, dtype="float64")
    trainer, images, targets = trained(report)
    trainer.step(images, targets)
    gradients = dict(trainer.gradients)
    random = np.random.default_rng(3)

    assert sorted({report.layers[row].name for row, _ in gradients}) == ["bn1", "conv1", "head", "main", "twice"]
    for (row, name), gradient in gradients.items():
        v, array = random.normal(size=gradient.shape), trainer.weights[row][name]
        ends = []
        for h in (1e-6, -2e-6):
            array += h * v
            ends.append(trainer.step(images, targets).loss)
        array += 1e-6 * v
        expected = float((gradient * v).sum())
        assert abs((ends[0] - ends[1]) / 2e-6 - expected) <= 1e-6 * max(1e-2, float(np.abs(gradient * v).sum()))


def test_the_loss_is_the_mean_cross_entropy_and_heads_have_a_smaller_weight(tmp_path: Any) -> None:
    report = heads(tmp_path, batch=3, dtype="float64")
    trainer, images, targets = trained(report)

    loss = trainer.step(images, targets).loss

    # in training BN uses the statistics of the batch, so they become the running ones of the run at test time
    assert [row.name for row in trainer.outputs] == ["main", "head"]
    weights = build(report)
    for numbers in weights:
        if "mean" in numbers:
            x = run(report, weights, images, keep=lambda name: name == "conv1").outputs["conv1"]
            numbers["mean"][:], numbers["variance"][:] = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    outputs = run(report, weights, images, keep=lambda name: name == "main").outputs
    expected = 0.0
    for name, weight in (("main", 1), ("head", HEAD_WEIGHT)):
        logits = outputs[name][:, 0, 0]
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        expected -= weight * np.log(shares[range(3), targets[1, 1][:, 0, 0]]).mean()
    assert loss == pytest.approx(expected, rel=1e-9)


def test_the_loss_of_an_output_with_many_pixels_is_the_mean_over_pixels() -> None:
    report = cnncalc.analyze("INPUT[5x7x3] -> CONV3-4", batch=2, dtype="float64")
    trainer, images, targets = trained(report)

    loss = trainer.step(images, targets).loss

    output = run(report, build(report), images).outputs["conv1"]
    assert targets[5, 7].shape == (2, 5, 7)
    chosen = np.take_along_axis(log_softmax(output), targets[5, 7][..., None], axis=3)
    assert loss == pytest.approx(-chosen.mean())


def test_a_step_changes_all_but_the_frozen_parameters(tmp_path: Any) -> None:
    report = heads(tmp_path, batch=2)
    trainer, images, targets = trained(report, "adam")
    before = [{name: array.copy() for name, array in numbers.items()} for numbers in trainer.weights]

    trainer.step(images, targets)

    for row, numbers, old in zip(report.layers, trainer.weights, before, strict=True):
        for name, array in numbers.items():
            assert np.array_equal(array, old[name]) == (row.name == "frozen"), (row.name, name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_lowers_the_loss_of_a_small_net(optimizer: str) -> None:
    report = cnncalc.analyze("INPUT[6x7x3] -> CONV3-8 -> RELU -> POOL -> FC-4", batch=4, dtype="float64")
    trainer, images, targets = trained(report, optimizer)

    losses = [trainer.step(images, targets).loss for _ in range(12)]

    assert losses[-1] < losses[0]
    assert trainer.optimizer is not None
    assert len(trainer.optimizer.state[0]) == OPTIMIZERS[optimizer].state


def test_only_adagrad_has_its_state_before_the_first_step() -> None:
    made = {name: len(Optimizer(name, [np.zeros(3)]).state[0]) for name in OPTIMIZERS}

    assert made == {name: int(name == "adagrad") for name in RATES}


# Memory

NETS = ["lenet5", "cifar-tiny", "resnet18", "mobilenet-v2", "squeezenet-1.1", "googlenet-aux", "dcgan-generator"]
"""The last two take many seconds."""


def assert_to_the_byte(verification: TrainingVerification) -> None:
    assert [each for each in verification.comparisons if not each.agrees] == []
    assert verification.wrong == ()
    assert verification.agrees


@pytest.mark.parametrize("net", sample(NETS, 5))
def test_live_bytes_of_a_named_net_are_those_of_the_replay(net: str) -> None:
    """Nets that take any input run on a small one."""
    size = (32, 32, 3) if net in ("resnet18", "mobilenet-v2", "squeezenet-1.1") else None
    report = cnncalc.analyze(net, batch=2 if net in ("lenet5", "cifar-tiny", "squeezenet-1.1") else 1, input=size)

    verification = verify_training(report)

    assert_to_the_byte(verification)
    assert verification.is_finite


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_live_bytes_of_every_optimizer_are_those_of_the_replay(optimizer: str, tmp_path: Any) -> None:
    assert_to_the_byte(verify_training(heads(tmp_path, batch=3), optimizer=optimizer))


@pytest.mark.parametrize("seed", fixed_seeds(20))
def test_live_bytes_of_random_nets_are_those_of_the_replay(seed: int) -> None:
    report = cnncalc.analyze(random_design(seed).text, batch=1 + seed % 3, dtype=("float32", "float64")[seed % 2])

    assert_to_the_byte(verify_training(report, optimizer="adam"))


@pytest.mark.parametrize(
    "rest",
    [
        "CONV3-3@a -> BN -> RELU@b -> FROM(@i) -> CONV3-3(share=a) -> RESIZE(@b)",
        "CONV3-3@a -> RELU@r -> CONV3-3(share=a) -> BN -> RELU@b -> FROM(@r) -> RESIZE(@b)",
    ],
)
def test_weights_are_learned_if_any_of_their_layers_gets_a_gradient(rest: str) -> None:
    """Only the size of b is read, so BN learns nothing; the other layer with the weights of ``a`` does."""
    report = cnncalc.analyze(f"INPUT 9x8x3@i -> {rest} -> GAP -> FC-2", batch=2)
    trainer, _, _ = trained(report, "sgd")

    assert [(report.layers[row].name, name) for row, name in trainer.names] == [
        (layer, name) for layer in ("a", "fc1") for name in ("weight", "bias")
    ]
    for optimizer in ("sgd", "adagrad", "adam"):
        assert_to_the_byte(verify_training(report, optimizer=optimizer))


@pytest.mark.parametrize("view", ["SEQUENCE", "RESHAPE 64x8", "IDENTITY"])
def test_a_gradient_is_added_to_a_view_of_all_elements_in_place(view: str) -> None:
    """The gradient of the convolution is first that of the view, to which that of CROP, which is new, is added."""
    report = cnncalc.analyze(f"INPUT 64x8 -> CONV1-8 -> [CROP1 | {view}] -> MATMUL(transpose=yes)")

    assert_to_the_byte(verify_training(report))


@every_case
def test_live_bytes_of_every_kind_are_those_of_the_replay(case: Case) -> None:
    """Each case between convolutions, so that the gradients of all inputs are needed."""
    from cnncalc.analysis.report import account

    graph = between_convolutions(case)

    assert_to_the_byte(verify_training(account(graph, batch=3, dtype="float64"), optimizer="sgd"))


def test_a_wrong_memory_declaration_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SIGMOID declared to keep nothing, which keeps 13*17*4 float32 for one image."""
    from cnncalc.layers.activation import Sigmoid
    from cnncalc.memory.numpy_lowering import NumpyLowering

    def too_little(self: Any, inputs: Any) -> int:
        output: int = original(self, inputs)
        if isinstance(self.row.layer, Sigmoid):
            self.operations[-1] = self.operations[-1]._replace(keeps_output=False)
        return output

    original: Any = NumpyLowering._lower
    monkeypatch.setattr(NumpyLowering, "_lower", too_little)
    verification = verify_training(cnncalc.analyze("INPUT[13x17x3] -> CONV3-4 -> SIGMOID -> GAP -> FC-5"))

    assert not verification.agrees
    assert ("fc1", "forward", 3536) in [
        (name, wrong.quantity, wrong.measured - wrong.expected) for name, wrong in verification.wrong
    ]


def test_the_watch_counts_only_arrays() -> None:
    watch = Watch()
    try:
        array, words = np.zeros((3, 5), np.float32), ["x" * number for number in range(999)]
        scalar = np.ones(())
        assert watch.live() == 60 + 8
        del array
        assert watch.live() == 8
        assert len(words) == 999
        del scalar
    finally:
        watch.close()


def test_training_that_needs_too_much_memory_is_refused() -> None:
    report = cnncalc.analyze("vgg16", batch=4)

    with pytest.raises(
        DesignError, match=r"training vgg16 with 4 images in float32 needs about .* but 1.000 GiB is free"
    ):
        verify_training(report, memory=1 << 30)
    with pytest.raises(ValueProblem, match="float32 or float64, not in float16"):
        verify_training(cnncalc.analyze("lenet5", dtype="float16"))
    with pytest.raises(ValueProblem, match="no optimizer 'adma'; did you mean 'adam'"):
        verify_training(cnncalc.analyze("lenet5"), optimizer="adma")
