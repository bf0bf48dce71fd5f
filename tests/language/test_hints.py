"""Each test follows a hint; the changed design must work."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from cnncalc import DesignError, Volume
from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.errors import MAX_PROBLEMS, nearest
from cnncalc.language.assignment import variable
from cnncalc.language.catalogue import names
from cnncalc.language.limits import DECIMAL_CHARACTERS
from cnncalc.language.mappings import IN_GENERAL
from cnncalc.language.reading import read_design, read_pattern
from cnncalc.language.settings import Settings
from cnncalc.language.yaml_numbers import yaml_number_hint
from cnncalc.layers import KINDS
from cnncalc.layers.base import REQUIRED
from tests.language.test_refusals import FILES, PATTERNS

if TYPE_CHECKING:
    from cnncalc.errors import Problem


def problems(text: str, settings: Settings = Settings()) -> tuple[Problem, ...]:  # noqa: B008
    try:
        account((read_design if "layers:" in text else read_pattern)("<text>", text, settings))
    except DesignError as error:
        return error.problems
    return ()


def replaced(text: str, problem: Problem, old: str, new: str) -> str:
    """The text with a word changed where the caret points."""
    assert problem.span is not None
    start, end = problem.span.start, problem.span.end
    assert old in text[start:end], (old, text[start:end])
    return text[:start] + text[start:end].replace(old, new, 1) + text[end:]


MEANT = [
    (text, problem)
    for text, _, _ in (*PATTERNS, *FILES)
    for problem in problems(text)
    if "did you mean" in problem.message
]


@pytest.mark.parametrize(("text", "problem"), MEANT, ids=[f"{p.message[:60]}" for _, p in MEANT])
def test_replacing_the_word_by_the_suggested_one_removes_the_problem(text: str, problem: Problem) -> None:
    found = re.search(r"'([^']+)'; did you mean '([^']+)'", problem.message) or re.search(
        r": (\w+); did you mean '([^']+)'", problem.message
    )
    assert found is not None
    wrong, right = found.groups()
    if wrong not in text:  # a kind with its kernel: CNV3 for CONV3
        wrong = wrong.rstrip("0123456789")
    if wrong[-1:].isdigit():
        wrong = wrong.rstrip("0123456789")
    after = problems(replaced(text, problem, wrong, right))
    assert not any(
        p.code == problem.code and p.span and problem.span and p.span.start == problem.span.start for p in after
    )


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 8x8x4 -> POOL3/2*5",
        "INPUT 9x30x2 -> CONV7-4(pad=0) -> POOL2 -> CONV5-4(pad=0)",
        "input: 8x8x4\nlayers: POOL3/2*4 -> FC-2\n",
        "INPUT -> POOL2*8 -> FC",
        "INPUT 8x8x4 -> [POOL3/2 | CONV3-4/2(pad=0)] -> CONCAT -> POOL4 -> FC-2",
        "INPUT 2x2x4 -> POOL7/2(round=ceil)",
        "INPUT 2x2x4 -> [POOL5/2 | CONV1-4/4 -> UPSAMPLE2 -> CONV3-4(pad=0)] -> ADD",
        "INPUT 6x6x2 -> CONV7-4/9(pad=0) -> POOL3 -> CROP(6)",
        "INPUT 6x6x2 -> CONV7-4/9(pad=0) -> POOL3 -> PAD(-3)",
        "INPUT 8x8x3 -> CONV3-4(pad=0) -> POOL2 -> CROP5x5 -> FC-2",
        "INPUT 8x8x3 -> CONV3-4(pad=0) -> POOL2 -> PAD([-2, 1, -1, -2])",
        "INPUT 8x8x3 -> POOL4 -> CONV3-4 -> PAD(3, mode=reflect)",
        "INPUT 8x8x3 -> POOL4 -> PAD(3, mode=wrap) -> CROP(9)",
        "INPUT 4x4x3 -> POOL4 -> DECONV2-4(pad=1)",
    ],
)
def test_the_smallest_input_works_and_no_smaller_one_does(text: str) -> None:
    (first, *_) = problems(text)
    assert first.code in ("window-too-large", "crop-too-large", "volume-vanishes", "pad-too-large")
    found = re.fullmatch(r"the smallest square input that works is (\d+)x\1x(\d+)", first.hint or "")
    assert found is not None
    side, depth = int(found[1]), int(found[2])
    assert problems(text, Settings(input=Volume(side, side, depth))) == ()
    for smaller in {*range(1, side, max(1, side // 16)), side - 1}:
        assert problems(text, Settings(input=Volume(smaller, smaller, depth)))


UNEQUAL = [
    ("INPUT 101x3 -> CONV3-8@a -> POOL2 -> UPSAMPLE2 -> ADD(@a)", ["100x3", "102x3"]),
    ("INPUT 50x37x3 -> CONV3-4@a -> POOL2*3 -> UPSAMPLE2*3 -> CONCAT(@a)", ["48x32x3", "56x40x3"]),
    ("INPUT 50x40x3 -> CONV3-4@a -> POOL2*3 -> UPSAMPLE2*3 -> CONCAT(@a)", ["48x40x3", "56x40x3"]),
    ("INPUT 9x8x7x2 -> CONV3-4@a -> POOL2 -> UPSAMPLE2 -> ADD(@a)", ["8x8x6x2", "10x8x8x2"]),
    ("INPUT 3x3 -> CONV3-8@a -> POOL4(round=ceil) -> UPSAMPLE4 -> ADD(@a)", ["4x3"]),
    ("INPUT 30x30x3 -> [CONV3-4/2 | CONV3-4] -> CONCAT -> FC-2", []),
    ("INPUT 8x8x4 -> [CONV3-5 | ] -> ADD", []),
    ("INPUT 10x3 -> CONV3-8@a -> POOL3/2(pad=0) -> UPSAMPLE2 -> ADD(@a)", []),
]


@pytest.mark.parametrize(("text", "inputs"), UNEQUAL)
def test_unequal_volumes_have_a_hint_with_the_nearest_inputs_that_work(text: str, inputs: list[str]) -> None:
    (first, *_) = problems(text)
    assert first.code == "merge-mismatch"
    assert re.findall(r"\d+(?:x\d+)+", first.hint or "") == inputs
    for size in inputs:
        assert problems(text, Settings(input=Volume(*map(int, size.split("x"))))) == ()


@pytest.mark.parametrize(
    "text",
    [
        "INPUT -> CONV-n -> CONV3-m", "INPUT -> RELU?flag -> [RELU]*n", "INPUT -> RELU(in_place=p)",
        "INPUT -> POOL2(round=up)", "INPUT -> LN(axes=sides)", "INPUT -> CONV3-4(pad=mirror)",
    ],
)  # fmt: skip
def test_the_variables_of_the_hint_can_be_set(text: str) -> None:
    (problem,) = problems(text)
    pairs = re.findall(r"--set (\w+)=(\w+)", problem.hint or "")
    assert pairs
    variables = {name: int(value) if value.isdigit() else value for name, value in pairs}
    assert problems(text, Settings(variables=variables)) == ()


@pytest.mark.parametrize("case", FILES, ids=[case[0] for case in FILES])
def test_quotes_as_in_the_hint_are_read(case: tuple[str, str, str]) -> None:
    text = case[0]
    for problem in problems(text):
        quoted = re.search(r'(?:quotes: )(".*?")(?:$|,)', problem.hint or "")
        if quoted is None:
            continue
        bare = quoted[1].strip('"')
        assert text.count(bare) == 1
        assert problems(text.replace(bare, quoted[1])) == ()


def test_a_pattern_with_a_fork_that_yaml_cannot_read_is_put_into_quotes() -> None:
    text = "input: 8x8x3\nlayers: [CONV3-4 | CONV1-4] -> ADD\n"
    (problem,) = problems(text)
    quoted = '"[CONV3-4 | CONV1-4] -> ADD"'
    assert problem.hint == (
        f"YAML reads '[' as a list; put the pattern into quotes: {quoted}, or write it as a block with '|'"
    )
    assert problems(text.replace(quoted.strip('"'), quoted)) == ()


@pytest.mark.parametrize(
    ("size", "hint"),
    [("784", "write 1x784 or 28x28x1"), ("4", "write 1x4 or 2x2x1"), ("1", "write 1x1"), ("5", "write 1x5")],
)
def test_a_number_in_place_of_a_size_may_be_a_square_image(size: str, hint: str) -> None:
    (problem,) = problems(f"INPUT {size} -> FC-2")
    assert problem.hint == hint
    for each in hint.removeprefix("write ").split(" or "):
        assert problems(f"INPUT {each} -> FC-2") == ()


def test_the_smallest_input_is_a_hint_beside_other_problems_that_it_solves() -> None:
    net = "INPUT {}x{}x3 -> [CONV9-4(pad=0) -> GAP | CROP9 -> GAP] -> CONCAT -> FC-2"
    found = problems(net.format(8, 8))
    assert [(problem.code, problem.hint) for problem in found] == [
        ("window-too-large", "the smallest square input that works is 9x9x3"),
        ("crop-too-large", "the smallest square input that works is 9x9x3"),
    ]
    assert problems(net.format(9, 9)) == ()


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        ("inputs=1.5", "inputs: expected names", "write inputs=[@a, @b]"),
        ("share=[@a, @a]", "share: expected a name", None),
    ],
)
def test_the_hint_with_a_list_of_names_is_for_inputs_alone(key: str, message: str, hint: str | None) -> None:
    (problem,) = problems(f"INPUT 8x8x3 -> CONV3-4@a -> CONV3-4@b -> CONV3-4({key})")
    assert (problem.message, problem.hint) == (message, hint)


@pytest.mark.parametrize(("kind", "form"), [("flatten", "FLATTEN"), ("add", "add: {inputs: [a, b]}")])
def test_an_entry_with_a_value_that_its_kind_does_not_take_has_its_form_as_hint(kind: str, form: str) -> None:
    (problem,) = problems(f"input: 8x8x3\nlayers:\n- {kind}: 3\n- fc: 2\n")
    assert problem.hint == f"write {form}"


def test_a_hint_repeats_no_long_pattern() -> None:
    (problem,) = problems(f"input: 8x8x3\nlayers: [{'CONV3-4 | ' * 20} CONV1-4] -> ADD\n")
    assert problem.hint == "YAML reads '[' as a list; put the pattern into quotes, or write it as a block with '|'"


def test_a_mapping_without_a_colon_is_an_expression_only_in_braces() -> None:
    text = "input: 8x8x3\nlayers:\n  - conv:\n      filters: {}\n"
    assert problems(text.format("{2*4}"))[0].hint == 'write it in quotes: "{2*4}"'
    (problem,) = problems(text.format("\n        ? n"))
    assert (problem.message, problem.hint) == ("expected a value, but YAML parsed a mapping", None)


def test_numbers_as_long_as_any_of_a_design_have_a_hint() -> None:
    assert yaml_number_hint("0" * (DECIMAL_CHARACTERS - 1) + "7") is not None
    assert yaml_number_hint("0" * DECIMAL_CHARACTERS + "7") is None


def test_numbers_as_in_the_hint_are_read() -> None:
    text = "input: 8x8x3\nlayers:\n  - conv: {filters: 0x10, kernel: 1_1}\n"
    for problem in problems(text):
        written = re.search(r"write (\d+)", problem.hint or "")
        found = re.search(r"found '(.+)'", problem.message)
        assert written is not None
        assert found is not None
        text = text.replace(found[1], written[1])
    assert problems(text) == ()
    assert problems("INPUT 08x8x3")[0].hint == "write 8"


def test_the_hint_for_a_depth_first_input_reorders_it() -> None:
    report = account(read_pattern("<text>", "INPUT 3x32x48 -> FC-2"))
    assert report.warnings[0].hint == "for an image of depth 3 write 32x48x3"
    assert account(read_pattern("<text>", "INPUT 32x48x3 -> FC-2")).warnings == ()


def test_the_suggested_name_is_never_the_layer_itself() -> None:
    """conv2 is nearest to conv9, but conv2 is the layer that reads it."""
    text = "input: 8x8x3\nlayers:\n  - conv: {name: conv_a, filters: 3}\n  - conv: {filters: 4, inputs: conv9}\n"
    (problem,) = problems(text)
    assert problem.message == "unknown layer 'conv9'; did you mean 'conv_a'?"
    assert problems(text.replace("conv9", "conv_a")) == ()


def test_the_suggested_name_is_written_as_the_layer_must_write_it() -> None:
    text = "INPUT 8x8x3 -> [CONV3-3@first -> RELU -> ADD(@frist)]@block"
    (problem,) = problems(text)
    assert problem.message == "unknown layer 'frist'; did you mean 'first'?"
    assert problems(text.replace("frist", "first")) == ()


def test_the_hint_for_a_depth_first_input_that_is_too_small_works() -> None:
    """3x32x32, as in PyTorch. The smallest square input of depth 32 would not help."""
    text = "INPUT {} -> [CONV3-8 -> POOL2]*3 -> FC-10"

    (problem,) = problems(text.format("3x32x32"))

    assert problem.code == "window-too-large"
    assert problem.hint == "an input is height x width x depth: with 32x32x3 instead of 3x32x32 it works"
    assert problems(text.format("32x32x3")) == ()


RELATED = [(kind, word) for kind, cls in KINDS.items() for word in cls.related_names]


@pytest.mark.parametrize(("kind", "word"), RELATED, ids=[word for _, word in RELATED])
def test_the_hint_for_a_layer_of_another_tool_is_read(kind: str, word: str) -> None:
    """Words that are also kinds here (conv, dropout) are written as CONV2D, DROPOUT2D."""
    word = f"{word}2d" if word in KINDS else word
    text = "INPUT 8x8x4@name -> IDENTITY -> {} -> CONV1-2"
    (problem,) = problems(text.format(word.upper()))

    assert problem.message == f"no layer kind or block '{word.upper()}'"
    form = re.fullmatch(r"write (.+?)(?:[:;] .+)?", problem.hint or "")
    assert form is not None
    assert problems(text.format(form[1])) == ()


@pytest.mark.parametrize(
    ("word", "kind"), [(word, kind) for kind, cls in KINDS.items() for word in cls.other_names], ids=str
)
def test_the_hint_for_a_layer_name_of_another_tool_names_our_kind(word: str, kind: str) -> None:
    for written in (word.upper(), f"{word}2d", f"{word[:4]}_{word[4:]}"):
        (problem,) = [found for found in problems(f"INPUT 8x8x4 -> {written}") if found.code == "unknown-layer"]
        assert problem.message == f"no layer kind or block '{written}'; use {kind.upper()}"


def test_the_hint_for_a_layer_of_another_tool_keeps_its_counts() -> None:
    """Keras' SeparableConv2D has biases only in its second convolution; its Dense works along the depth."""
    for written, meant in (
        ("SEPCONV3-64/2", "DWCONV3/2(pad=0, bias=no) -> CONV1-64"),
        ("Dense(10)", "LINEAR-10"),
        ("DENSE-n", "LINEAR-n"),
        ("CONV2D3x5-8", "CONV3x5-8(pad=0)"),
        ("Dropout2d(0.3)", "DROPOUT(0.3, whole=channel)"),
        ("AdaptiveAvgPool2d(7)", "AVGPOOL(output=7)"),
    ):
        (problem,) = [found for found in problems(f"INPUT 8x8x4 -> {written}") if found.code == "unknown-layer"]
        assert (problem.hint or "").startswith(f"write {meant}: ")


TRANSLATED = [
    ("PixelShuffle(2)", "DEPTH2SPACE2"),
    ("Conv2D(filters=32, kernel_size=3)", "CONV3-32(pad=0)"),
    ("Conv2D(32, 3, 2)", "CONV3-32/2(pad=0)"),
    ("Conv2D(32, kernel_size=3, padding=same)", "CONV3-32(pad=same)"),
    ("Conv2D(6, [3, 5], use_bias=False)", "CONV3x5-6(pad=0, bias=no)"),
    ("Conv2D(6, 3, padding=[0, 1])", "CONV3-6(pad=[0, 1])"),
    ("Conv2D(6, 3, activation=relu)", "CONV3-6(pad=0) -> RELU"),
    ("Conv2d(3, 64, 3)", "CONV3-64(pad=0)"),
    ("Conv2d(64, 3)", "CONV3-64(pad=0)"),
    ("Conv2d(4, 64, 3, 2, 1, 1, 2)", "CONV3-64/2(pad=1, dilation=1, groups=2)"),
    ("Conv2d(3, 64, kernel_size=3, padding=1)", "CONV3-64(pad=1)"),
    ("Conv2d(in_channels=3, out_channels=64, kernel_size=3)", "CONV3-64(pad=0)"),
    ("CONV2D(3, 64, 3)", "CONV3-64(pad=0)"),
    ("CONV2D(64, 3)", "CONV3-64(pad=0)"),
    ("SeparableConv2D(64, 3, strides=2, use_bias=False)", "DWCONV3/2(pad=0, bias=no) -> CONV1-64(bias=no)"),
    ("SeparableConv2D(64, 3, 2, same)", "DWCONV3/2(pad=same, bias=no) -> CONV1-64"),
    ("DepthwiseConv2D(kernel_size=3, depth_multiplier=2)", "DWCONV3-2(pad=0)"),
    ("DepthwiseConv2D(3, 1, valid, 2)", "DWCONV3-2/1(pad=valid)"),
    ("DepthwiseConv2D(3, padding=same)", "DWCONV3(pad=same)"),
    ("ConvTranspose2d(64, 32, 3, 2, 1, 1)", "DECONV3-32/2(pad=1, output_pad=1)"),
    ("Conv2DTranspose(filters=32, kernel_size=3)", "DECONV3-32/1"),
    ("MaxPool2d(3, stride=2, padding=1, ceil_mode=True)", "POOL3/2(pad=1, round=ceil)"),
    ("MaxPooling2D(2, 2)", "POOL2/2"),
    ("AveragePooling2D(pool_size=2)", "AVGPOOL2(count_pad=no)"),
    ("AdaptiveAvgPool2d([7, 7])", "AVGPOOL(output=7x7)"),
    ("MaxPool2d(3, 2, 1, 1, False, True)", "POOL3/2(pad=1, dilation=1, round=ceil)"),
    ("MaxPool2d(3, 2, 1, 1, False, False)", "POOL3/2(pad=1, dilation=1)"),
    ("AvgPool2d(2, 2, 0, True, False)", "AVGPOOL2/2(pad=0, count_pad=no, round=ceil)"),
    ("AdaptiveMaxPool2d(output_size=7)", "POOL(output=7)"),
    ("InnerProduct(num_output=10, bias_term=False)", "FC-10(bias=no)"),
    ("Dense(units=10, activation=softmax)", "LINEAR-10 -> SOFTMAX"),
    ("InnerProduct(num_output=10)", "FC-10"),
    ("GroupNorm(2, 4)", "GN2"),
    ("BatchNorm2d(64)", "BN"),
    ("BatchNorm2d(64, affine=False)", "BN(scale=no, shift=no)"),
    ("Bias", "SCALE(scale=no)"),
    ("LayerScale(1e-6)", "SCALE(shift=no)"),
    ("ReZero", "SCALE(shift=no, shared=yes)"),
    ("Dropout2d(p=0.3)", "DROPOUT(0.3, whole=channel)"),
    ("SpatialDropout2D(0.3)", "DROPOUT(0.3, whole=channel)"),
    ("DropPath(drop_prob=0.1)", "DROPOUT(0.1, whole=image)"),
    ("ReflectionPad2d(2)", "PAD(2, mode=reflect)"),
    ("Cropping2D(2)", "PAD(-2)"),
    ("AdaptiveAvgPool2d(3)", "AVGPOOL(output=3)"),
    ("Hardsigmoid(inplace=True)", "HSIGMOID(in_place=yes)"),
    ("HardSigmoid(alpha=0.2, beta=0.5)", "HSIGMOID(0.2, shift=0.5)"),
    ("Clamp(0, 6)", "CLIP(0, 6)"),
    ("clamp(min=0, max=6)", "CLIP(0, 6)"),
    ("Rescaling(scale=2, offset=-1)", "AFFINE(2, -1)"),
    ("Hardtanh2d(min_val=-2, max_val=2)", "HARDTANH(-2, 2)"),
    ("UpSampling2D(size=2)", "UPSAMPLE2"),
    ("Cropping2D(cropping=2)", "PAD(-2)"),
    ("ReflectionPad2d(padding=2)", "PAD(2, mode=reflect)"),
]


@pytest.mark.parametrize(("written", "meant"), TRANSLATED, ids=[written for written, _ in TRANSLATED])
def test_the_hint_for_a_layer_of_another_tool_keeps_its_values(written: str, meant: str) -> None:
    (problem,) = problems(f"INPUT 8x8x4 -> {written} -> RELU")
    assert (problem.hint or "").partition(": ")[0] == f"write {meant}"
    assert problems(f"INPUT 8x8x4 -> {meant} -> RELU") == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Conv2D(32, 3, 1, 0, 1, 2)", "CONV3-32/1(pad=0); not read: 1, 2"),
        (
            "Conv2d(4, 32, 3, 1, 1, 1, 1, True, zeros)",
            "CONV3-32/1(pad=1, dilation=1, groups=1, bias=yes); not read: zeros",
        ),
        ("MaxPool2d(3, 2, 1, 1, 1)", "POOL3/2(pad=1, dilation=1); not read: 1"),
        ("BatchNorm2d(64, 0.1, 0.9)", "BN; not read: 0.1, 0.9"),
        ("Conv2D(32, 3, padding=1, frobnicate=3)", "CONV3-32(pad=1); not read: frobnicate=3"),
        ("Conv2D(32, 3, padding=1, activation=relu, name=a)", "CONV3-32(pad=1, name=a) -> RELU"),
    ],
)
def test_the_hint_names_values_that_are_not_read_and_keeps_the_others(written: str, meant: str) -> None:
    (problem,) = problems(f"INPUT 8x8x4 -> {written} -> RELU")
    assert problem.hint == f"write {meant}"
    assert problems(f"INPUT 8x8x4 -> {meant.partition(';')[0]} -> RELU") == ()


def test_values_that_are_not_read_are_named_in_both_orders() -> None:
    (problem,) = problems("INPUT 8x8x4 -> CONV2D(4, 8, 3, 1, 1, 1, 1, 1, 1) -> RELU")
    torch, keras = "CONV3-8/1(pad=1, dilation=1, groups=1, bias=1)", "CONV8-4/3(pad=1)"
    assert problem.hint == (
        f"write {torch} (not read: 1) if the values are in the order of PyTorch, "
        f"{keras} (not read: 1, 1, 1, 1, 1) if they are in that of Keras"
    )


def test_values_that_two_tools_order_differently_are_read_in_both_orders() -> None:
    (problem,) = problems("INPUT 8x8x6 -> CONV2D(6, 5, 2)")
    torch, keras = "CONV2-5(pad=0)", "CONV5-6/2(pad=0)"
    assert problem.hint == (
        f"write {torch} if the values are in the order of PyTorch, {keras} if they are in that of Keras"
    )
    for text in (torch, keras):
        assert problems(f"INPUT 8x8x6 -> {text}") == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Conv2D: {filters: 32, kernel_size: 3}", "conv: {kernel: 3, filters: 32, pad: 0}"),
        (
            "Conv2D: {filters: '{2*8}', kernel_size: [3, 3], padding: 'same', name: a}",
            'conv: {kernel: 3x3, filters: "{2*8}", pad: same, name: a}',
        ),
        ("Conv2D: 32", "conv: {filters: 32, pad: 0}"),
        ("Dense: {units: 10}", "linear: {units: 10}"),
        ("Dense: {units: 10, activation: relu}", "LINEAR-10 -> RELU"),
        ("MaxPool2d: {kernel_size: 2, stride: 2}", "pool: {kernel: 2, stride: 2}"),
        ("SeparableConv2D: {filters: 4, kernel_size: 3}", "DWCONV3(pad=0, bias=no) -> CONV1-4"),
        ("BatchNorm2d: {eps: 0.1}", "bn"),
        ("Conv2d(3, 64, 3)", "CONV3-64(pad=0)"),
    ],
)
def test_the_hint_for_an_entry_with_a_layer_of_another_tool_is_an_entry(written: str, meant: str) -> None:
    text = "input: 8x8x4\nlayers:\n  - {}\n  - relu\n"
    (problem,) = problems(text.format(written))
    hint = problem.hint or ""
    assert hint == f"write {meant}" or hint.startswith(f"write {meant}: ")
    assert problems(text.format(meant)) == ()


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        ("variables: {classes: 10}\nlayers: CONV3-4 -> FC-{clases}\n", "{clases}", "classes"),
        ("variables: {classes: 10}\nlayers: CONV3-4 -> FC-clases\n", "clases", "classes"),
        ("layers: '[CONV3-filtres]*[4, 5] as filters'\n", "filtres", "filters"),
        ("blocks: {'b(wide)': 'CONV3-wied'}\nlayers: b(4)\n", "wied", "wide"),
        ("layers: CONV3-{detph*2}\n", "detph", "depth"),
        ("layers: CONV3-detph\n", "detph", "depth"),
        ("layers: 'CONV3-4(pad={hieght-7})'\n", "hieght", "height"),
        ("variables: {w12: 8}\nlayers: CONV3-w11\n", "w11", "w12"),
    ],
)
def test_the_hint_for_a_misspelt_name_is_a_name_with_a_value(text: str, wrong: str, right: str) -> None:
    (problem,) = problems("input: 8x8x3\n" + text)
    assert problem.message.endswith(f"; did you mean '{right}'?")
    assert problems("input: 8x8x3\n" + text.replace(wrong, right)) == ()


def test_each_misspelt_name_gets_the_most_similar_one() -> None:
    text = "input: 8x8x3\nvariables: {classes: 10, wide: 4}\nlayers: CONV3-wied -> CONV3-n -> FC-{clases}\n"
    (problem,) = problems(text)
    assert problem.message == (
        "variables without a value: wied (did you mean 'wide'?), n, clases (did you mean 'classes'?)"
    )
    assert problem.hint == "give it a value: --set n=1"
    meant = text.replace("wied", "wide").replace("clases", "classes")
    assert problems(meant, Settings(variables={"n": 1})) == ()


def test_a_count_is_not_answered_with_a_size_of_a_volume() -> None:
    (problem,) = problems("INPUT 8x8x3 -> [RELU]*detph")
    assert problem.message == "variable without a value: detph"


def test_similar_names_are_sought_for_the_first_names_without_a_value() -> None:
    names = [f"classe{number}" for number in range(MAX_PROBLEMS + 1)]
    layers = " -> ".join(f"CONV3-{name}" for name in names)
    (problem,) = problems(f"input: 8x8x3\nvariables: {{classes: 10}}\nlayers: {layers}\n")
    *asked, last = problem.message.removeprefix("variables without a value: ").split(", ")
    assert asked == [f"{name} (did you mean 'classes'?)" for name in names[:-1]]
    assert last == names[-1]


def set_in(hint: str) -> dict[str, str]:
    """The variables that a hint sets, with their values as written."""
    return dict(word.split("=", 1) for word in shlex.split(hint) if "=" in word)


@pytest.mark.parametrize(
    "text",
    [
        "DROPOUT(rate=p)", "DROPOUT({p})", "DROPOUT({0.5*p})", "CONV3-w", "CONV3-{w//3}", "CONV3-8/s",
        "CONV3-8(pad=p)", "CONV3-8(groups=g)", "CONV3-8(bias=b)", "CONV3-8(trainable=t)", "CONV3-8(normed=n)", "GN(g)",
        "SHUFFLE(g)", "SEQUENCE -> ATTENTION-h", "POOL2(pad=p)", "POOL2(round=r)", "POOL(output=a)", "LPPOOL2(power=p)",
        "RESIZE(size=s)", "RESIZE(factor=f)", "RESIZE(size=4, mode=m)", "CROP(a)", "CROP(2, at=a)", "WINDOW(a)",
        "ROLL(a)", "PAD(a)", "PAD(1, depth=a)", "PAD(1, value=v)", "PAD(1, mode=m)", "SLICE(a, 2)", "SLICE(0, a)",
        "SLICE(0, 1, axis=a)", "CLIP(a, b)", "HARDTANH(a, b)", "HSIGMOID(a)", "LRELU(a)", "AFFINE(a, b)", "BN(eps=e)",
        "L2NORM(eps=e)", "REDUCE(mean, axes=a)", "LN(axes=a)", "SOFTMAX(axes=a)", "LRN(size=n, beta=b)",
        "DEPTH2SPACE(b, order=o) -> FC", "CONCAT(axis=a, inputs=[@input])", "OPAQUE(output=4x4x4, macs=m)",
        "GELU(form)", "[CONV3-8]*n", "CONV3-8?keep", "[CONV3-8 -> RELU]?{n > 1}", "[CONV3-n]*n",
        "[CONV3-8(groups=n)]*n -> PAD(n)",
    ],
)  # fmt: skip
def test_the_value_that_the_hint_gives_a_name_is_one_that_the_net_takes(text: str) -> None:
    text = f"INPUT 8x8x3 -> {text}" if "DEPTH2SPACE" not in text else f"INPUT 8x8x12 -> {text}"
    (problem,) = problems(text)
    assert problem.code == "unset-variable"
    assert problem.hint is not None
    given = {name: variable(name, value) for name, value in set_in(problem.hint).items()}
    assert problems(text, Settings(variables=given)) == ()


def test_the_value_in_a_hint_is_the_first_of_a_few_that_all_places_of_the_name_take() -> None:
    """First the smallest number of the key, 2 for a count; then 2, 10 and 100."""
    (problem,) = problems("INPUT 8x8x3 -> CONV3-a -> CONV3-{b-1} -> CONV3-{c//3} -> CONV3-{d//30} -> CONV3-{e//300}")
    assert problem.hint == "give each a value: --set a=1 --set b=2 --set c=10 --set d=100 --set e=VALUE"
    for count in ("n", "{n-1}", "{n-2}"):
        (problem,) = problems(f"INPUT 8x8x3 -> [RELU]*{count}")
        assert problem.hint == "give it a value: --set n=2"


def test_a_hint_has_values_of_at_most_eight_names() -> None:
    (problem,) = problems("INPUT 8x8x3 -> " + " -> ".join(f"CONV-{name}" for name in "abcdefghi"))
    assert problem.message.endswith(": a, b, c, d, e, f, g, h, i")
    assert problem.hint == "give each a value: " + " ".join(f"--set {name}=1" for name in "abcdefgh")


def test_a_name_within_an_expression_is_no_misspelt_word() -> None:
    (problem,) = problems("INPUT 8x8x3 -> CONV3-4(pad={n+1})")
    assert problem.hint == "give it a value: --set n=1"


def test_a_hint_looks_at_the_first_twenty_places_of_a_name() -> None:
    (problem,) = problems("INPUT 8x8x3" + " -> CONV3-n" * 19 + " -> CONV3-{n//3}")
    assert problem.hint == "give it a value: --set n=10"
    (problem,) = problems("INPUT 8x8x3" + " -> CONV3-n" * 20 + " -> CONV3-{n//3}")
    assert problem.hint == "give it a value: --set n=1"


def test_the_value_of_an_argument_of_many_calls_is_one_that_all_blocks_take() -> None:
    """Calls of one block with the same name are one place, also if the blocks call each other."""
    blocks = "blocks: {b(f): CONV3-f, c(f): b(f) -> d(f) -> b(f), d(f): 'CONV3-{f//3}'}"
    (problem,) = problems(f"input: 8x8x3\n{blocks}\nlayers: '[b(n)]*2 -> {'b(n) -> ' * 30} c(n)'\n")
    assert problem.hint == "give it a value: --set n=10"


def test_the_value_of_a_default_is_one_that_its_key_takes() -> None:
    text = "input: 8x8x3\ndefaults: {dropout: {rate: '{p}'}}\nlayers: CONV3-4 -> DROPOUT -> FC-2\n"
    (problem,) = problems(text)
    assert problem.hint == "give it a value: --set p=0.5"
    assert problems(text, Settings(variables={"p": 0.5})) == ()


def test_the_value_of_an_entry_of_a_list_in_a_file_is_one_that_the_list_takes() -> None:
    for entry, given in (("pad: {pad: 1, depth: ['{a}', 0]}", 2), ("ln: {axes: [height, '{a}']}", "depth")):
        text = f"input: 8x8x3\nlayers:\n  - {entry}\n"
        (problem,) = problems(text)
        assert problem.hint == f"give it a value: --set a={given}"
        assert problems(text, Settings(variables={"a": given})) == ()


def test_the_value_of_an_argument_is_one_that_the_keys_in_the_block_take() -> None:
    blocks = "blocks: {b(p): CONV3-4 -> DROPOUT(p), c(r): b(r) -> RELU}"
    text = f"input: 8x8x3\n{blocks}\nlayers: b(q) -> c(u) -> FC-n\n"
    (problem,) = problems(text)
    assert problem.hint == "give each a value: --set q=0.5 --set u=0.5 --set n=1"
    assert problems(text, Settings(variables={"q": 0.5, "u": 0.5, "n": 1})) == ()


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("RESHAPE(p)", "size takes a size of two to four parts, depth last, as height x width x depth in 224x224x3"),
        ("SEQUENCE -> PLANE(p)", "size takes a whole number of at least 1, or one for each side, as [height, width]"),
        ("PERMUTE(p)", "order takes every side and the depth in a new order, as [width, height, depth]"),
        ("LN(axes=[p, depth])", "axes takes depth, volume, or a list of names of sides, as [width, depth]"),
        ("CONV3-2(connections=p)", "connections takes a list with one list of input maps for each filter"),
    ],
)
def test_where_a_value_follows_from_the_input_the_hint_says_what_the_key_takes(text: str, takes: str) -> None:
    (problem,) = problems(f"INPUT 8x8x3 -> {text}")
    assert problem.hint == f"{takes}; --set gives a variable its value"


def test_no_value_is_given_to_a_name_of_which_a_number_and_yes_or_no_are_expected() -> None:
    (problem,) = problems("INPUT 8x8x3 -> CONV3-w?w -> CONV3-n")
    assert problem.hint == "give each a value: --set w=VALUE --set n=1"


def test_a_name_that_a_repeat_binds_is_another_one() -> None:
    (problem,) = problems("INPUT 8x8x3 -> [CONV3-f]*[4, 5] as f -> DROPOUT(f)")
    assert problem.hint == "give it a value: --set f=0.5"


def test_the_example_of_every_key_is_a_value_that_it_takes() -> None:
    for kind in KINDS.values():
        for key in kind.keys.values():
            if key.example is not None:
                key.reader(key.example)


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("{type: conv, filters: 32}", "conv: {filters: 32}"),
        ("{filters: '{2*4}', op: conv, name: a}", "conv: {filters: '{2*4}', name: a}"),
        ("{kind: CONV3-4, pad: 0}", "CONV3-4: {pad: 0}"),
        ("{layer: relu}", "relu"),
        ("{type: MaxPool2d}", "pool"),
        ("{type: Conv2d, out_channels: 4, kernel_size: 3}", "conv: {kernel: 3, filters: 4, pad: 0}"),
        ("{class_name: Dense, config: {units: 10}}", "linear: {units: 10}"),
    ],
)
def test_the_hint_for_a_kind_as_the_value_of_a_key_is_an_entry(entry: str, meant: str) -> None:
    text = "input: 8x8x3\nlayers:\n  - {}\n"
    (problem,) = problems(text.format(entry))
    assert problem.message.startswith("the kind of a layer is its key, not the value of '")
    hint = problem.hint or ""
    assert hint == f"write {meant}" or hint.startswith(f"write {meant}: ")
    assert problems(text.format(meant)) == ()


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("{type: relu}", "RELU"),
        ("{type: conv, filters: 4, kernel: [3, 1]}", "CONV(filters=4, kernel=[3, 1])"),
        ("{conv: 4}", "CONV(4)"),
        ("{conv: {filters: 4, bias: no}}", "CONV(filters=4, bias=no)"),
        ("conv: {filters: 4}", "CONV(filters=4)"),
        ("CONV{filters: 4}", "CONV(filters=4)"),
        ("{type: blub}", None),
        ("{conv: {filters: 4", None),
        ("{conv: 4, }", None),
    ],
)
@pytest.mark.parametrize("around", ["INPUT 8x8x4 -> {}", "INPUT 8x8x4 -> [{} -> RELU | ] -> CONCAT"])
def test_a_layer_written_in_a_pattern_as_in_a_file_gets_the_form_of_patterns(
    entry: str, meant: str | None, around: str
) -> None:
    (problem,) = problems(around.format(entry))
    if meant is None:
        assert problem.hint == IN_GENERAL
    else:
        assert problem.message == "keys in braces are for architecture files, not for patterns"
        assert problem.hint == f"write {meant}"
        assert problems(around.format(meant)) == ()


def test_an_unknown_kind_as_the_value_of_a_key_is_reported_and_may_be_the_name_of_a_block() -> None:
    (problem,) = problems("input: 8x8x3\nlayers:\n  - {type: blub, filters: 3}\n")
    assert problem.message == "no layer kind or block 'blub'"
    assert problems("input: 8x8x3\nblocks: {type(n): CONV3-n}\nlayers:\n  - type: {n: 4}\n") == ()


@pytest.mark.parametrize(
    ("old", "new"), [("'same'", "same"), ('"same"', "same"), ("(3, 3)", "[3, 3]"), ("nn.Conv2d", "Conv2d")]
)
def test_python_code_in_a_pattern_gets_hints_until_it_is_a_pattern(old: str, new: str) -> None:
    """Each hint removes one piece of Python syntax from a call of another tool."""
    text = f"INPUT 8x8x4 -> {old}(4, 3) -> RELU" if "Conv" in old else f"INPUT 8x8x4 -> Conv2D(4, {old}) -> RELU"
    (problem,) = problems(text)
    assert problem.code == "pattern-syntax"
    assert new in (problem.hint or "")
    assert {after.code for after in problems(text.replace(old, new))} == {"unknown-layer"}


@pytest.mark.parametrize(
    "item",
    ["ADD(inputs=[@x,])", "ADD(inputs=[@x@x])", "ADD(inputs=[@x,[@x]])", "CONV(kernel=[3,[3],)", "RELU*[[1,2 3],4]"],
)
def test_one_mistake_inside_brackets_is_one_problem(item: str) -> None:
    for text in (f"INPUT 8x8x4 -> RELU@x -> {item} -> RELU", f"INPUT 8x8x4 -> RELU@x -> [{item} | RELU] -> ADD"):
        assert len(problems(text)) == 1
    assert len(problems(f"INPUT 8x8x4 -> RELU@x -> {item} -> [{item} | RELU] -> ADD -> CONV3-")) == 3


@pytest.mark.parametrize("arrow", ["- >", "-->", "=>", "==>", "~>", ">", ">>", "|>", "\u21d2", "\u27f6", "\u2013>"])
def test_the_hint_for_another_arrow_is_our_arrow(arrow: str) -> None:
    text = f"INPUT 8x8x4 {arrow} RELU -> CONV1-2"
    (problem,) = problems(text)

    assert (problem.message, problem.hint) == (f"an arrow is written '->', found '{arrow}'", "write '->'")
    assert problem.span is not None
    assert text[problem.span.start : problem.span.end] == arrow


@pytest.mark.parametrize("item", ["RELU*2", "[RELU -> CONV3-4]*2", "[RELU]?", "RELU?", "[RELU*2 -> [RELU]*3]*2"])
def test_the_hint_for_a_name_after_a_repeat_puts_it_outside_of_brackets(item: str) -> None:
    (problem,) = problems(f"INPUT 8x8x4 -> {item}@a -> FC-2")
    assert problem.hint == f"put what the name refers to into brackets: [{item}]@a"
    assert problems(f"INPUT 8x8x4 -> [{item}]@a -> FC-2") == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("POOL3/2(ceil)", "POOL3/2(round=ceil)"),
        ("POOL3/2(ceil_mode=True)", "POOL3/2(round=ceil)"),
        ("POOL3/2(ceil_mode=False)", "POOL3/2(round=floor)"),
        ("POOL3/2(ceil_mode)", "POOL3/2(round=ceil)"),
        ("CONV3-4(bias)", "CONV3-4(bias=yes)"),
        ("RELU(inplace)", "RELU(in_place=yes)"),
        ("BN(affine)", "BN(scale=yes, shift=yes)"),
        ("AVGPOOL2(count_include_pad)", "AVGPOOL2(count_pad=yes)"),
        ("UPSAMPLE2(bilinear)", "UPSAMPLE2(mode=bilinear)"),
        ("LN(depth)", "LN(axes=depth)"),
        ("CONV3-4(padding=same)", "CONV3-4(pad=same)"),
        ("CONV(kernel_size=5)", "CONV(kernel=5)"),
        ("CONV3(out_channels=4)", "CONV3(filters=4)"),
        ("FC(out_features=4)", "FC(units=4)"),
        ("FC(num_output=4)", "FC(units=4)"),
        ("CONV3(num_output=4)", "CONV3(filters=4)"),
        ("DROPOUT(p=0.3)", "DROPOUT(rate=0.3)"),
        ("CONV3-4(use_bias=no)", "CONV3-4(bias=no)"),
        ("SOFTMAX(dim=depth)", "SOFTMAX(axes=depth)"),
        ("CONCAT(@input, axes=height)", "CONCAT(@input, axis=height)"),
        ("SLICE(start=1)", "SLICE(from=1)"),
        ("SLICE(0, end=2)", "SLICE(0, to=2)"),
        ("DEPTH2SPACE(upscale_factor=2)", "DEPTH2SPACE(block=2)"),
        ("WINDOW(window_size=4)", "WINDOW(size=4)"),
        ("ROLL(shifts=2)", "ROLL(shift=2)"),
        ("RESIZE9(mode=bilinear, align_corners=yes)", "RESIZE9(mode=bilinear, corners=yes)"),
        ("PAD(1, padding_mode=reflect)", "PAD(1, mode=reflect)"),
        ("RESHAPE(target_shape=64x4)", "RESHAPE(size=64x4)"),
        ("OPAQUE(output_shape=8x8x2)", "OPAQUE(output=8x8x2)"),
        ("OPAQUE(8x8x2, params=7)", "OPAQUE(8x8x2, parameters=7)"),
    ],
)
def test_the_hint_for_a_key_of_another_tool_is_our_key(written: str, meant: str) -> None:
    (problem,) = problems(f"INPUT 8x8x4 -> {written}")
    old = written.partition("(")[2].rstrip(")").rpartition(", ")[2]
    new = (problem.hint or "").removeprefix("write ")
    assert written.replace(old, new) == meant
    assert problems(f"INPUT 8x8x4 -> {meant}") == ()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"input", "in", "reshape", "unpool"}))  # with a size or @NAME
def test_the_hint_for_a_key_without_a_value_works(kind: str) -> None:
    """In the example of the kind, with the key as its only argument; what the short form gives would be given twice."""
    layer = re.search(rf"\b{kind.upper()}(?![A-Z])([-\w./]*)(\([^@)]*\))?", KINDS[kind].example)
    assert layer is not None
    for key in (*KINDS[kind].keys, *KINDS[kind].common_keys()):
        head, tail = KINDS[kind].example[: layer.end(1)], KINDS[kind].example[layer.end() :]
        found = problems(f"{head}({key}){tail}")
        if (kind, key) == ("pad", "depth"):
            assert not found  # the depth of the input
            continue
        codes = {problem.code for problem in found}
        if codes == {"repeated-key"}:
            continue
        assert codes <= {"unknown-key", "unset-variable"}, (kind, key)
        if " takes the place of " in (found[0].hint or ""):
            assert key in KINDS[kind].replaces, (kind, key)
            continue
        if key in KINDS[kind].keys and KINDS[kind].keys[key].example is None:
            assert (found[0].hint or "").startswith(f"{key} takes "), (kind, key)
            continue
        setting = re.match(r"write (\w+=[^;,]+)", found[0].hint or "")
        assert setting is not None, (kind, key, found[0].hint)
        if "NAME" not in setting[1]:
            after = problems(f"{head}({setting[1]}){tail}")
            assert not {problem.code for problem in after} & {"unknown-key", "unset-variable", "wrong-type"}, (
                kind,
                key,
            )


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("CONV3-4(trainable)", "write trainable=no"),
        ("CONV3-4(share)", "write share=@NAME"),
        ("CONV3-4(name)", "write name=@NAME"),
        ("GAP(training_only)", "write training_only=yes"),
        ("LINEAR-4(transposed)", "write transposed=yes, share=@NAME"),
        ("RELU(inputs)", "write inputs=[@NAME, @NAME]"),
        ("POOL2(output)", "output takes the place of kernel, stride, pad, round, dilation, count_pad"),
        ("RESIZE(8, factor)", "factor takes the place of size"),
        ("CONV3-4(no_bias)", "write bias=no"),
        ("CONV3-4(nobias)", "write bias=no"),
        ("RESIZE(16x16, nearst)", "write mode=nearest"),
        ("POOL3/2(ciel)", "write round=ceil"),
    ],
)
def test_a_common_key_without_a_value(written: str, hint: str) -> None:
    (problem,) = problems(f"INPUT 8x8x4 -> {written}")
    assert (problem.code, problem.hint) == ("unknown-key", hint)


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ('"CONV3-4(groups)"', "write groups=1; groups takes a whole number of at least 1"),
        ('"CONV3-4(dilation_rate=2)"', "write dilation=2"),
        ("conv: {filters: 4, dilation_rate: 2}", "write dilation: 2"),
        ('"POOL(ceil)"', "write round=ceil"),
        ("pool: ceil", "write {round: ceil}"),
    ],
)
def test_hints_have_the_form_of_the_arguments(entry: str, hint: str) -> None:
    """Those in parentheses have '=', also in the list of a file."""
    with pytest.raises(DesignError) as error:
        load_bytes("net.yaml", f"layers:\n  - input: 8x8x4\n  - {entry}\n".encode())
    assert [problem.hint for problem in error.value.problems] == [hint]


def test_a_key_of_another_tool_without_a_value() -> None:
    (problem,) = problems("INPUT 8x8x3 -> CONV3-4(dilation_rate)")
    assert problem.message == "CONV takes this key only with a value"
    assert problem.hint == (
        "write dilation=1; dilation takes a whole number of at least 1, or one for each side, as [height, width]"
    )


def test_a_key_in_place_of_a_value_may_also_be_a_variable() -> None:
    (problem,) = problems("INPUT 8x8x4 -> POOL(ceil_mode)")
    assert problem.hint == "write round=ceil; to use a variable, give it a value: --set ceil_mode=1"
    assert problems("INPUT 8x8x4 -> GN(groups)", Settings(variables={"groups": 2})) == ()


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("GAP7", "GAP"),
        ("FLATTEN(1)", "FLATTEN"),
        ("RMS3", "RMS; its keys are axes, scale, eps"),
        ("PAD3", "PAD(3)"),
        ("POOL2-3", "POOL2/3"),
        ("POOL-3/2", "POOL3/2"),
        ("POOL{2}-3", "POOL{2}/3"),
        ("LINEAR8", "LINEAR-8"),
        ("GN-2", "GN2"),
        ("SHUFFLE-2", "SHUFFLE2"),
        ("ADD(a)", "ADD after a fork, or ADD(@a)"),
        ("ADD3", "ADD after a fork, or ADD(@name)"),
        ("UNPOOL2", "UNPOOL(@name), with the name of the max pool that it undoes"),
    ],
)
def test_the_hint_for_a_number_that_a_kind_does_not_take_is_its_form(written: str, form: str) -> None:
    (problem,) = problems(f"INPUT 8x8x4 -> {written}")
    assert problem.hint == f"write {form}"


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("matmul", "write matmul: {inputs: [a, b]}, with the names of layers"),
        ("sub", "write sub: {inputs: [a, b]}, with the names of layers"),
        ("add: [a, b]", "write add: {inputs: [a, b]}"),
        ("unpool: a", "write unpool: {inputs: [a, b]}"),
    ],
)
def test_a_layer_of_a_file_with_several_inputs_is_answered_with_an_entry(entry: str, hint: str) -> None:
    text = "input: 8x8x4\nlayers:\n- pool: {{name: b}}\n- relu: {{name: a}}\n- {}\n"
    (problem,) = problems(text.format(entry))

    assert problem.hint == hint
    meant = hint.removeprefix("write ").partition("},")[0].removesuffix("}") + "}"
    assert problems(text.format(meant.replace("matmul: {", "matmul: {transpose: yes, "))) == ()


@pytest.mark.parametrize("written", ["SOFTMAX(dim=1)", "CONCAT(@input, dim=-1)", "PERMUTE(perm=[2, 0, 1])"])
def test_a_number_for_a_side_is_answered_with_the_names_of_sides(written: str) -> None:
    (problem,) = problems(f"INPUT 8x8x4 -> {written}")
    assert re.match("the key is (axes|axis|order), and takes .*width", problem.hint or "")


def test_a_size_of_the_input_is_a_value_where_the_key_that_takes_its_name_is_given() -> None:
    """SLICE(0, width) may mean axis=width, so that is the hint; with an axis it can only be a size."""
    (problem,) = problems("INPUT 8x6x4 -> SLICE(0, width)")
    assert problem.hint == "write axis=width"
    assert problems("INPUT 8x6x4 -> SLICE(0, width, axis=height)") == ()


def test_a_key_that_takes_words_lists_them() -> None:
    words = "a whole number of at least 0, [height, width], [top, left, bottom, right], same or valid"
    for text, hint in (
        ("CONV3-4(pad=mirror)", f"pad takes {words}; to use a variable, give it a value: --set mirror=1"),
        ("CONV3-4(padding=mirror)", f"the key is pad, and takes {words}"),
        ("POOL2(round=up)", "round takes floor or ceil; to use a variable, give it a value: --set up=floor"),
        (
            "PAD(1, mode=p)",
            "mode takes zero, reflect, replicate or wrap; to use a variable, give it a value: --set p=zero",
        ),
        ("RELU(in_place=maybe)", "in_place takes yes or no; to use a variable, give it a value: --set maybe=yes"),
    ):
        (problem,) = problems(f"INPUT 8x8x4 -> {text}")
        assert problem.hint == hint


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 8x8x4 -> CONV3-4@a#b -> FC-2",
        "INPUT 8x8x4 -> CONV3-4#b -> FC-2",
        "INPUT 8x8x4 -> [RELU]*2 as i -> RELU@a{i#} -> FC-2",
        "input: 8x8x4\nlayers:\n  - relu: {name: a#b}\n",
        "input: 8x8x4\nlayers:\n  - relu: {name: 'a #b'}\n",
        "input: 8x8x4\nlayers:\n  - relu: {inputs: 'input #b'}\n",
        "input: 8x8x4\nlayers:\n  - relu: {inputs: '@input #b'}\n",
        "input: 8x8x4\nlayers:\n  - conv: {filters: '{4 # 2}'}\n",
        "input: 8x8x4\nblocks: {'b(n) # c': 'CONV3-n'}\nlayers: b(2)\n",
    ],
)
def test_a_hash_sign_does_not_cut_off_a_name_or_value(text: str) -> None:
    (first, *_) = problems(text)
    assert first.message.startswith("'#' is not allowed in a name")
    assert first.span is not None
    assert text[first.span.start] == "#"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("vgg61", "vgg16"), ("resnet05", "resnet50"), ("resnet512", "resnet152"), ("googelnet", "googlenet"),
     ("vgg-16", "vgg16"), ("VGG16", "vgg16"), ("resnet_50", "resnet50"), ("mobilenetv2", "mobilenet-v2"),
     ("inceptionv3", "inception-v3"), ("Dense_Net_112", "densenet121")],
)  # fmt: skip
def test_a_name_with_swapped_characters_is_found(written: str, meant: str) -> None:
    assert nearest(written, names()) == meant


@pytest.mark.parametrize(
    ("layer", "hint"),
    [
        ("MultiheadAttention(8, 2)", "write ATTENTION-2"),
        ("MultiHeadAttention(2, 16)", "write ATTENTION-2(head_dim=16)"),
        ("LINEAR(64, 10)", "write LINEAR-10: the depth of the input is known"),
        ("FC(64, 10)", "write FC-10: the depth of the input is known"),
        ("MaxUnpool2d(2)", "write UNPOOL(@name), with the name of the max pool that it undoes"),
        ("DECONV3-3(tied=yes)", "write share=NAME and transposed=yes, with the name of a conv"),
        ("FC-3(transpose=yes)", "write share=NAME and transposed=yes, with the name of a fc"),
    ],
)
def test_words_of_pytorch_for_units_places_and_ties(layer: str, hint: str) -> None:
    with pytest.raises(DesignError) as caught:
        read_pattern("<text>", f"INPUT 8x8x4 -> CONV3-4 -> {layer}")

    assert caught.value.problems[0].hint == hint


def test_other_layers_of_units_get_no_such_hint() -> None:
    with pytest.raises(DesignError) as caught:
        read_pattern("<text>", "INPUT 8x8x4 -> LINEAR(a, b) -> CONV(3, 4)")

    assert not any("is known" in (problem.hint or "") for problem in caught.value.problems)


NEEDING = sorted(kind for kind, made in KINDS.items() if any(key.default is REQUIRED for key in made.keys.values()))


@pytest.mark.parametrize("kind", sorted({*NEEDING} - {"input", "conv", "fc"}))  # these have a default size
def test_the_hint_for_a_kind_without_a_key_that_it_needs_is_a_layer_that_is_read(kind: str) -> None:
    """Its volume may not fit this input."""
    (problem,) = [each for each in problems(f"INPUT 8x8x4 -> {kind.upper()}") if each.code == "missing-key"]
    found = problems(f"INPUT 8x8x4 -> {(problem.hint or '').removeprefix('as in ')}")
    assert not {each.code for each in found} & {"missing-key", "unknown-key", "wrong-type", "pattern-syntax"}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("INPUT 8,8,4 -> FC-2", "a size is written with x, as 9x9x3"),
        ("INPUT 8*8*4 -> FC-2", "a size is written with x, as 9x9x3"),
        ("INPUT 8x8x4 -> [RELU]x3 -> FC-2", "a repeat is written *3"),
        ("INPUT 8x8x4 -> 2*[RELU] -> FC-2", "a repeat has its count last: [CONV -> RELU]*2"),
        ("INPUT 8x8x4 -> (RELU)*2 -> FC-2", "a group is written in [ ]"),
        ("INPUT 8x8x4 -> [RELU]*2*3 -> FC-2", "put the item into [ ] to repeat it again"),
        ("INPUT 8x8x4 -> [RELU]X3 -> FC-2", "a repeat is written *3"),
        ("INPUT 8x8x4 -> [RELU] xyz", None),
        ("INPUT 8x8x4 -> CONV3-4, FC-2", None),
        ("INPUT 8x8x4 -> 64 -> FC-2", None),
    ],
)
def test_signs_of_other_notations_have_a_hint_with_ours(text: str, hint: str | None) -> None:
    assert [problem.hint for problem in problems(text)] == [hint]


def test_names_are_listed_where_none_is_similar() -> None:
    (problem,) = problems("INPUT 8x8x4 -> CONV3-4@stem -> RELU -> ADD(@zz)")
    assert problem.message == "unknown layer 'zz' (names: stem, relu1, input)"
