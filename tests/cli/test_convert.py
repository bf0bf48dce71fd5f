"""``cnncalc convert``, and the options of calls that read model files."""

from __future__ import annotations

import pytest

from cnncalc.interop.exporters import EXPORTERS, export
from cnncalc.language.reading import read_design
from cnncalc.language.settings import Settings
from cnncalc.volume import Volume
from tests.calls import called

TINY = "INPUT 12x10x3@data -> CONV3-8@first -> RELU -> FC-5"


@pytest.mark.parametrize("form", ["yaml", "pattern"])
def test_text_of_the_language_reads_back_to_the_same_net(form: str) -> None:
    text = called("convert", TINY, "--to", form).stdout
    before, after = read_design("a", TINY), read_design("b", text)
    assert [node.layer for node in before.nodes] == [node.layer for node in after.nodes]
    assert [node.inputs for node in before.nodes] == [node.inputs for node in after.nodes]


def test_the_ending_of_the_file_chooses_the_form(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("converted")
    called("convert", TINY, "-o", str(folder / "net.yaml"))
    assert (folder / "net.yaml").read_text().startswith("name: pattern\n")


def test_weights_of_a_text_have_no_effect() -> None:
    done = called("convert", TINY, "--weights", "zeros")
    assert done.stderr == "warning[no-effect]: --weights has no effect: files of yaml have no weights\n"


def test_every_form_has_a_name_and_endings_of_its_own() -> None:
    names = [each.name for each in EXPORTERS]
    endings = [ending for each in EXPORTERS for ending in each.endings]
    assert len(set(names)) == len(names)
    assert len(set(endings)) == len(endings)
    assert isinstance(export(read_design("a", TINY), names[0]), str)


def test_an_input_is_sized_by_its_name() -> None:
    text = "INPUT@left -> CONV3-4 -> GAP"
    graph = read_design("a", text, Settings(inputs={"left": Volume(9, 7, 2)}))
    assert graph.nodes[0].layer.output() == Volume(9, 7, 2)  # type: ignore[union-attr]
    assert not [problem for problem in graph.warnings if problem.code == "no-effect"]


def test_the_second_of_two_inputs_is_sized_by_its_name() -> None:
    text = "[INPUT 9x7x2@left -> CONV3-4 | INPUT 5x5x2@right -> CONV3-4] -> ADD"
    graph = read_design("a", text, Settings(inputs={"right": Volume(9, 7, 3)}))
    assert [node.layer.output() for node in graph.nodes if node.is_input] == [Volume(9, 7, 2), Volume(9, 7, 3)]  # type: ignore[union-attr]


def test_options_of_model_files_have_no_effect_on_a_design() -> None:
    done = called("table", TINY, "--partial", "--phase", "train", "--input", "dato=12x10x3", "--brief")
    assert done.stderr.splitlines() == [
        "warning[no-effect]: --input dato=12x10x3 has no effect: the net has no input 'dato'; did you mean 'data'?"
        " (its inputs: data)",
        "warning[no-effect]: --partial has no effect: it is for model files of other programs",
        "warning[no-effect]: --phase train has no effect: it is for model files of other programs",
    ]


def test_an_input_that_is_set_twice() -> None:
    done = called("table", TINY, "--input", "8x8x3", "--input", "9x9x3")
    assert done.returncode == 2
    assert "the input is set twice" in done.stderr


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            ["-o", "net.xml"],
            "'.xml' is not an ending of a format of convert",
            "--to yaml, onnx, torch, keras, caffe, tflite or pattern",
        ),
        (
            ["-o", "net.txt"],
            "'.txt' is not an ending of a format of convert",
            "--to yaml, onnx, torch, keras, caffe, tflite or pattern",
        ),
        (["--to", "yaml", "-o", "net.onnx"], "'.onnx' is not an ending of the format yaml", "--output net.yaml"),
        (["--to", "keras", "-o", "net.onnx"], "'.onnx' is not an ending of the format keras", "--output net.py"),
    ],
)
def test_no_file_gets_a_form_that_its_name_does_not_tell(words: list[str], message: str, hint: str) -> None:
    done = called("convert", TINY, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert f"= hint: {hint}" in done.stderr


def test_flat_is_for_the_formats_of_the_language() -> None:
    done = called("convert", TINY, "--to", "caffe", "--flat")
    assert done.stderr == "warning[no-effect]: --flat has no effect: it is for --to yaml and pattern\n"
