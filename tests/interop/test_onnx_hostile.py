"""ONNX files whose operators have attributes and inputs that their types do not: a message, never another exception."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from cnncalc.analysis.loading import load_bytes
from cnncalc.errors import DesignError
from cnncalc.interop.tensor_layers import HANDLERS
from cnncalc.language.settings import Settings
from tests.interop.onnx_writer import Model

TYPES = sorted(
    name for name in {*HANDLERS, "Constant", "Shape", "Range", "Where", "If", "LSTM", "Unheard"} if "." not in name
)
NAMES = (
    "axes", "axis", "perm", "kernel_shape", "strides", "pads", "dilations", "group", "auto_pad", "ceil_mode",
    "keepdims", "alpha", "beta", "epsilon", "mode", "size", "blocksize", "to", "split", "num_outputs", "transB",
    "equation", "value", "allowzero", "output_padding", "output_shape", "shape", "starts", "ends", "scales", "start",
    "end", "num_groups",
)  # fmt: skip
NUMBERS = (-1, 0, 1, 2, 3, 4, 7, -2, 1 << 31, 1 << 62, -(1 << 63))
DECIMALS = (0.0, 0.5, 2.0, float("nan"), float("inf"), float("-inf"))


def attribute(random: Random) -> Any:
    return random.choice([
        random.choice(NUMBERS), [random.choice(NUMBERS) for _ in range(random.randrange(6))], random.choice(DECIMALS),
        random.choice(["SAME_UPPER", "ij,jk->ik", "linear", "->", ""]),
    ])  # fmt: skip


def constant(random: Random, model: Model) -> str:
    name = f"c{len(model.tensors)}"
    if random.random() < 0.4:
        return model.shape(name, *[random.choice(NUMBERS) for _ in range(random.randrange(1, 5))])
    if random.random() < 0.3:
        return model.weight(name, (), [random.choice(DECIMALS)])
    return model.weight(name, tuple([random.choice([1, 2, 4]) for _ in range(random.randrange(5))]))


def program(random: Random) -> Model:
    """One to five operators in a row with further inputs and attributes drawn at random."""
    rank = random.choice([0, 1, 2, 3, 4, 4, 4, 5, 7])
    model = Model(opset=random.choice([7, 17, 99, 99]), x=(1, *[random.choice([2, 4]) for _ in range(rank - 1)])[:rank])
    for _ in range(random.randrange(1, 6)):
        inputs = [model.last]
        for _ in range(random.choice([0, 1, 1, 2, 4])):
            inputs.append(random.choice([constant(random, model), "", "x"]))
        keys = {name: attribute(random) for name in random.sample(NAMES, random.randrange(4))}
        model.add(random.choice(TYPES), *inputs, **keys)
    return model


@pytest.mark.parametrize("seed", range(8))
def test_operators_with_attributes_of_others_are_errors_or_layers(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # not for secrets
    answers = set()
    for number in range(150):
        try:
            load_bytes("net.onnx", program(random).bytes(), Settings(partial=number % 2 == 0))
        except DesignError as error:
            answers.add("internal" if "internal" in str(error) else "error")
        else:
            answers.add("layers")
    assert answers == {"error", "layers"}


@pytest.mark.parametrize(
    ("type", "inputs", "words"),
    [
        ("PRelu", (), "it has 1 input, but 2 in operator set 17"),
        ("Unsqueeze", ((2, 2),), "name one axis twice"),
        ("Mul", (float("inf"),), "it computes with the number inf"),
    ],
)
def test_messages_say_what_is_wrong(type: str, inputs: tuple[Any, ...], words: str) -> None:
    model = Model(x=(1, 2, 4, 4))
    given = [model.shape("a", *one) if isinstance(one, tuple) else model.weight("a", (), [one]) for one in inputs]
    model.add(type, "x", *given)
    with pytest.raises(DesignError, match=words):
        load_bytes("net.onnx", model.bytes())


def test_the_inputs_of_an_operator_have_a_limit() -> None:
    model = Model(x=(1, 2, 4, 4))
    model.add("Concat", *["x"] * 10_001, axis=1)
    with pytest.raises(DesignError, match="it has 10,001 inputs, more than 10,000"):
        load_bytes("net.onnx", model.bytes())


def test_a_size_has_at_most_63_bits() -> None:
    """Two halves of 2^62 - 1 make 2^63 - 2 channels, two of 2^62 make 2^63; 2^62 times 4 as one axis are 2^64."""
    for depth, is_read in ((1 << 62) - 1, True), (1 << 62, False):
        model = Model(x=(1, depth, 1, 1))
        model.add("Concat", "x", "x", axis=1)
        if is_read:
            assert load_bytes("net.onnx", model.bytes()).nodes[-1].kind == "concat"
        else:
            with pytest.raises(DesignError, match="concat0: a size of its volume has more than 63 bits"):
                load_bytes("net.onnx", model.bytes())
    model = Model(x=(1, 4, 1 << 62, 1))
    model.add("Flatten", "x", name="flat")
    with pytest.raises(DesignError, match="flat: Flatten: a size of its result has more than 63 bits"):
        load_bytes("net.onnx", model.bytes())
