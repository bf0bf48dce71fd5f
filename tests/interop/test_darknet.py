"""Nets of darknet: its sizes, paddings, joins and activation functions, unsupported sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import Report, account
from cnncalc.errors import DesignError
from cnncalc.interop.cfg_file import read_sections
from cnncalc.language.settings import DEFAULT_SETTINGS, Settings
from cnncalc.source import Source
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from cnncalc.graph import Graph

NET = "[net]\nheight=23\nwidth=19\nchannels=6\n"
CONV = "[convolutional]\nbatch_normalize=1\nfilters={}\nsize=3\nstride=1\npad=1\nactivation=leaky\n"


def read(text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    return load_bytes("net.cfg", text.encode(), settings)


def report(sections: str) -> Report:
    return account(read(NET + sections))


def test_a_section_is_read_as_darknet_reads_it() -> None:
    text = " [ net ]\r\n# comment\n; another\nbatch = 6 4 # inline\nsteps=1,2, 3\nbatch=7\nrate = .5e1\n\n[max]#end\n"
    net, pool = read_sections(Source("net.cfg", text))
    assert (net.name, net.integer("batch", 0), net.integers("steps"), net.number("rate", 0)) == (
        "net",
        64,
        [1, 2, 3],
        5,
    )
    assert (pool.name, pool.integer("size", 2), pool.span.line) == ("max", 2, 9)


def test_sections_become_blocks_with_the_numbers_of_darknet() -> None:
    rows = report(
        CONV.format(8) + "[maxpool]\nsize=2\nstride=2\n" + CONV.format(4).replace("batch_normalize=1", "")
    ).layers
    assert [row.name for row in rows] == [
        "net", "layer0.conv", "layer0.bn", "layer0.lrelu", "layer1.maxpool", "layer2.conv", "layer2.lrelu",
    ]  # fmt: skip
    assert (rows[1].biases, rows[2].parameters, rows[2].buffers, rows[5].biases) == (0, 16, 16, 4)
    assert rows[4].output == Volume(12, 10, 8)


def test_a_section_that_reads_learned_numbers_is_not_left_out() -> None:
    with pytest.raises(DesignError, match="its input is the learned numbers of the section before it, not a volume"):
        report("[implicit_add]\nfilters=6\n" + CONV.format(8))
    routed = report(CONV.format(6) + "[implicit_add]\nfilters=6\n[route]\nlayers=0\n" + CONV.format(8))
    assert routed.layers[-1].output == Volume(23, 19, 8)


@pytest.mark.parametrize(
    ("height", "size", "stride", "extra", "expected"),
    [
        (416, 2, 2, "", 208),
        (13, 2, 2, "", 7),
        (13, 2, 1, "", 13),
        (13, 5, 1, "", 13),
        (13, 3, 2, "", 7),
        (14, 3, 2, "", 7),
        (14, 2, 2, "padding=0", 7),
        (15, 2, 2, "padding=0", 7),
    ],
)
def test_pools_are_padded_by_their_size_less_one(
    height: int, size: int, stride: int, extra: str, expected: int
) -> None:
    text = f"[net]\nheight={height}\nwidth={height}\nchannels=3\n[maxpool]\nsize={size}\nstride={stride}\n{extra}\n"
    assert account(read(text)).layers[-1].output == Volume(expected, expected, 3)
    padding = 0 if extra else size - 1
    assert expected == (height + padding - size) // stride + 1


def test_padding_that_no_window_reaches_is_left_out() -> None:
    text = "[net]\nheight=416\nwidth=416\nchannels=3\n[maxpool]\nsize=2\nstride=2\n"
    assert read(text).nodes[1].layer.written() == {}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("sections", "kinds", "volume", "learned"),
    [
        (
            "[convolutional]\nfilters=12\nsize=5\nstride_x=1\nstride_y=2\ngroups=6\n",
            "dwconv sigmoid",
            (10, 15, 12),
            312,
        ),
        ("[deconvolutional]\nfilters=4\nsize=2\nstride=2\nactivation=relu\n", "deconv relu", (46, 38, 4), 100),
        ("[connected]\noutput=9\nbatch_normalize=1\nactivation=linear\n", "fc bn", (1, 1, 9), 23 * 19 * 6 * 9 + 18),
        ("[local]\nfilters=2\nsize=3\npad=1\nactivation=linear\n", "local", (23, 19, 2), 23 * 19 * (54 * 2 + 2)),
        ("[avgpool]\n", "gap", (1, 1, 6), 0),
        ("[local_avgpool]\nsize=2\nstride=2\n", "avgpool", (12, 10, 6), 0),
        ("[maxpool]\nmaxpool_depth=1\nout_channels=1\n", "reduce", (23, 19, 1), 0),
        ("[upsample]\nstride=2\nscale=3\n", "upsample affine", (46, 38, 6), 0),
        ("[crop]\ncrop_height=20\ncrop_width=10\n", "crop affine", (20, 10, 6), 0),
        ("[route]\nlayers=-1\n", "", (23, 19, 6), 0),
        ("[softmax]\n", "softmax", (23, 19, 6), 0),
        ("[batchnorm]\n[activation]\nactivation=mish\n", "bn mish", (23, 19, 6), 12),
        ("[activation]\nactivation=ramp\n", "lrelu affine", (23, 19, 6), 0),
        ("[normalization]\nsize=3\n", "lrn", (23, 19, 6), 0),
        ("[dropout]\nprobability=.3\n[cost]\n", "dropout", (23, 19, 6), 0),
    ],
)
def test_each_section_becomes_layers_with_its_volume_and_parameters(
    sections: str, kinds: str, volume: tuple[int, ...], learned: int
) -> None:
    found = report("[dropout]\n" + sections)
    assert [row.kind for row in found.layers[2:]] == kinds.split()
    assert found.layers[-1].output == volume
    assert found.totals.parameters == learned


def test_routes_join_layers_and_take_groups_of_their_channels() -> None:
    both = CONV.format(8) + CONV.format(4)
    joined = report(both + "[route]\nlayers=-1, 0\n" + CONV.format(2))
    assert joined.layers[-3].inputs == ("layer2.route",)
    assert joined.layers[-4].output == Volume(23, 19, 12)
    grouped = report(both + "[route]\nlayers=-1,-2\ngroups=2\ngroup_id=1\n")
    assert [row.label for row in grouped.layers[-3:]] == ["SLICE(from=2, to=4)", "SLICE(from=4, to=8)", "CONCAT"]
    assert grouped.layers[-1].output == Volume(23, 19, 6)
    with pytest.raises(DesignError, match="8 channels do not split into 3 groups"):
        report(both + "[route]\nlayers=0\ngroups=3\n")


def test_a_shortcut_keeps_the_volume_before_it() -> None:
    smaller = CONV.format(4).replace("stride=1", "stride=2")
    text = CONV.format(8) + smaller.replace("height", "")
    even = "[net]\nheight=24\nwidth=20\nchannels=6\n"
    rows = account(read(even + text + "[shortcut]\nfrom=0\nactivation=linear\n")).layers
    assert [row.kind for row in rows[-3:]] == ["pool", "slice", "add"]
    assert rows[-1].output == Volume(12, 10, 4)
    deeper = report(CONV.format(4) + CONV.format(8) + "[shortcut]\nfrom=-2\nactivation=relu\n").layers
    assert [row.kind for row in deeper[-3:]] == ["pad", "add", "relu"]
    with pytest.raises(DesignError, match=r"whole multiples of them, not \[23x19x8\] to \[12x10x4\]"):
        report(text + "[shortcut]\nfrom=0\n")


def test_channels_are_scaled_by_a_layer_or_by_learned_factors() -> None:
    excite = CONV.format(6) + "[avgpool]\n" + CONV.format(6).replace("size=3", "size=1")
    assert report(excite + "[scale_channels]\nfrom=0\n").layers[-1].output == Volume(23, 19, 6)
    learned = report(CONV.format(6) + "[implicit_mul]\nfilters=6\n[route]\nlayers=0\n[control_channels]\nfrom=1\n")
    assert (learned.layers[-1].kind, learned.layers[-1].parameters) == ("scale", 6)


def test_learned_numbers_are_added_to_channels_and_shared() -> None:
    start = CONV.format(6) + "[implicit_add]\nfilters=6\n[route]\nlayers=0\n"
    rows = report(start + "[shift_channels]\nfrom=1\n[shift_channels]\nfrom=1\n").layers[-2:]
    assert [row.label for row in rows] == ["SCALE(scale=no)"] * 2
    assert [(row.biases, row.shared_with) for row in rows] == [(6, None), (0, rows[0].name)]
    for wrong in ("[shift_channels]\nfrom=1\n[control_channels]\nfrom=1\n", "[alternate_channels]\nfrom=1\n"):
        with pytest.raises(DesignError, match="does not have one factor or one shift for each channel"):
            report(start + wrong)
    with pytest.raises(DesignError, match="does not have one factor or one shift for each channel"):
        report(CONV.format(4) + start.replace(CONV.format(6), "") + "[shift_channels]\nfrom=1\n")


def test_weights_are_shared_and_frozen() -> None:
    shared = report(CONV.format(6) + CONV.format(6) + "share_index=-1\n")
    assert [row.shared_with for row in shared.layers if row.kind in ("conv", "bn")] == [
        None,
        None,
        "layer0.conv",
        "layer0.bn",
    ]
    with pytest.raises(DesignError, match="layer0 has no bn to share"):
        report(CONV.format(6).replace("batch_normalize=1", "") + CONV.format(6) + "share_index=-1\n")
    frozen = report(CONV.format(6) + CONV.format(4) + "stopbackward=1\n" + CONV.format(3))
    assert frozen.totals.trainable == 9 * 4 * 3 + 6


def test_dilation_keeps_the_sides_only_with_half_padding() -> None:
    text = "[convolutional]\nfilters=4\nsize=3\ndilation=2\npad=1\n"
    assert report(text).layers[1].output == Volume(23, 19, 4)
    with pytest.raises(DesignError, match=r"the output is \[19x15x4\]"):
        report(text.replace("pad=1", "pad=0"))


def test_recurrent_sections_are_named_and_partly_stated() -> None:
    text = "[net]\ninputs=256\n[lstm]\noutput=100\nbatch_normalize=1\n[gru]\noutput=50\n[rnn]\nhidden=7\noutput=5\n"
    with pytest.raises(DesignError) as caught:
        read(text)
    assert [problem.code for problem in caught.value.every] == ["no-equal"] * 3
    rows = account(read(text, Settings(partial=True))).layers
    assert rows[1].parameters == 4 * (256 * 100 + 100 * 100 + 2 * 200)
    assert rows[2].parameters == 3 * (100 * 50 + 50 * 50 + 2 * 50)
    assert rows[3].parameters == 50 * 7 + 7 * 7 + 7 * 5 + 7 + 7 + 5


def test_all_unsupported_sections_are_named_at_once() -> None:
    text = NET + "[history]\n[conv_lstm]\noutput=3\n" + CONV.format(3) + "[convolutional]\nsize=3\nactivation=stair\n"
    with pytest.raises(DesignError) as caught:
        read(text)
    assert len(caught.value.every) == 2
    weighted = "[shortcut]\nfrom=-1\nweights_type=per_channel\nweights_normalization=relu\n"
    text = NET + "[convolutional]\nsize=3\nactivation=stair\n" + weighted
    partial = account(read(text, Settings(partial=True))).layers
    assert [row.kind for row in partial[1:]] == ["conv", "opaque", "opaque"]
    assert partial[-1].parameters == 2


def test_a_weighted_sum_has_a_learned_factor_for_each_volume_or_channel() -> None:
    text = NET + CONV.format(3) + CONV.format(3)
    for form, label, count in (
        ("per_feature", "SCALE(shift=no, shared=yes)", 1),
        ("per_channel", "SCALE(shift=no)", 3),
    ):
        rows = account(read(text + f"[shortcut]\nfrom=-2\nweights_type={form}\nactivation=relu\n")).layers[-4:]
        assert [row.label for row in rows] == [label, label, "ADD", "RELU"]
        assert [row.parameters for row in rows] == [count, count, 0, 0]
    for more, words in (("weights_normalization=softmax\n", "depend on each other"), ("", "of different sizes")):
        with pytest.raises(DesignError, match=words):
            read(text + CONV.format(3 if more else 5) + f"[shortcut]\nfrom=-2\nweights_type=per_feature\n{more}")


def test_an_unknown_activation_is_relu_as_in_darknet() -> None:
    graph = read(NET + "[activation]\nactivation=nonsense\n")
    assert graph.nodes[-1].kind == "relu"
    assert [problem.code for problem in graph.warnings] == ["unknown-activation"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "its first section must be [net]"),
        ("[convolutional]\nsize=3\n", 1, "its first section must be [net]"),
        ("size=3\n[net]\n", 1, "before the first section"),
        ("[net]\nheight 3\n", 2, "expected '[section]' or 'option=value'"),
        ("[net\n", 1, "expected ']'"),
        (NET + "[convolutional]\nsize=x\n", 6, "expected a whole number, found 'x'"),
        (NET + "[convolutional]\nsize=99\n", 5, "must fit"),
        (NET + "[route]\nlayers=\n", 6, "whole numbers separated by commas"),
        (NET + "[route]\n", 5, "it is missing"),
        (NET + CONV.format(3) + "[route]\nlayers=1\n", 13, "an earlier section (0 to 0, or -1 to -1 backwards)"),
        (NET + "[route]\nlayers=-1\n", 6, "must be the number of an earlier section (there is none)"),
        (NET + CONV.format(3) + "[shortcut]\nfrom=-2\n", 13, "must be the number of an earlier section"),
        (NET + "[convolutional]\nfilters=1234567890123456789\n", 6, "filters: a number has at most 18 digits"),
        ("[net]\nheight=8\n[avgpool]\n", 1, "the size of the input is open ([8x?x?])"),
    ],
)
def test_a_fault_is_shown_at_its_place(text: str, line: int | None, words: str) -> None:
    with pytest.raises(DesignError) as caught:
        read(text)
    problem = next(problem for problem in caught.value.every if words in problem.message)
    assert (problem.span.line if problem.span else None) == line


def test_sizes_that_grow_without_end_are_refused() -> None:
    with pytest.raises(DesignError, match=r"layer0\.upsample: a size of its volume has more than 63 bits"):
        read(NET + "[upsample]\nstride=999999999999999999\n" * 300)


def test_the_number_of_sections_is_limited() -> None:
    with pytest.raises(DesignError, match="more than 20,000 sections"):
        read(NET + "[dropout]\n" * 20_001)


def test_the_ending_of_a_file_may_be_in_capitals() -> None:
    text = NET + CONV.format(8)
    assert len(load_bytes("NET.CFG", text.encode()).nodes) == len(read(text).nodes)
