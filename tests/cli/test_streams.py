"""Every command with strange names, encodings of texts, and places: one table of each, within this process.

Streams, locales, terminals and signals need processes of their own: ``tests/cli/test_program.py``,
``tests/cli/test_interrupts.py`` and, with all commands, ``python -m benchmarks.streams``.
"""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from typing import TYPE_CHECKING

import pytest

from cnncalc.cli.options import TABLE_FORMATS
from cnncalc.cli.registry import COMMANDS
from tests.calls import COMMAND, called, environment
from tests.subcases import each

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NET = "INPUT 9x11x3 -> CONV3-7 -> RELU -> FC-5"
FAMILY = "INPUT 9x11x3 -> CONV3-{w} -> FC-5"
EVIL = "e\x1b]0;x\x07\n\r\x9b31m\u202ev\x7f\x08\u2028"
"""A name that would set a title, a colour and the direction of writing of a terminal, and break the line."""
QUOTED = json.dumps(EVIL)


def unfit(text: str) -> list[str]:
    """The characters that no stream may get."""
    return [
        character
        for character in text
        if character not in "\n\t"
        and (unicodedata.category(character) in ("Cc", "Zl", "Zp") or character in "\u202a\u202b\u202d\u202e")
    ]


@pytest.fixture
def evil_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files with strange names and contents, in the working folder."""
    monkeypatch.chdir(tmp_path)
    layers = "layers:\n- INPUT 9x11x3\n- {conv: {filters: 4}, name: conv}\n- FC-5\n"
    keras = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 9, 11, 3], "name": EVIL}},
        {"class_name": "Dense", "config": {"units": 4, "name": f"{EVIL}d", "activation": "linear", "use_bias": True}},
    ]
    shape = "input_param { shape { dim: 1 dim: 3 dim: 9 dim: 11 } }"
    texts = {
        f"{EVIL}.yaml": f"name: {QUOTED}\ntitle: {QUOTED}\nsource: {QUOTED}\nbudget:\n  parameters: 1K\n{layers}",
        "bad.yaml": f"name: net\n{QUOTED}: 3\nlayers:\n- {QUOTED}\n- {{conv: {{{QUOTED}: 4}}, name: {QUOTED}}}\n",
        "words.yaml": f"name: v\nvariables: {{w: {QUOTED}}}\nlayers: INPUT 9x9x3 -> CONV3-4(pad=w) -> FC-3\n",
        f"{EVIL}.md": f"<!-- cnncalc: value '{EVIL[:-1]}' macs -->1<!-- /cnncalc -->\n",
        f"s{EVIL}.md": f"<!-- cnncalc: value lenet5 macs -->1<!-- /cnncalc -->\n\x1b[31m {EVIL}\n",
        f"{EVIL}.cfg": f"[net]\nheight=9\nwidth=11\nchannels=3\n[{EVIL[:9]}]\nfilters=4\n{EVIL}=3\n",
        "a.prototxt": f'name: "n\\033[31m"\nlayer {{ name: "d\\033]0;x\\007" type: "Input" top: "d" {shape} }}\n',
        "k.json": json.dumps({"class_name": "Sequential", "config": {"name": EVIL, "layers": keras}}),
        "c.csv": f"w\n{EVIL}\n",
        f"{EVIL}.csv": f"{EVIL}\n1\n",
        "p.csv": f"# cnncalc-sweep 1 {json.dumps({'version': EVIL, EVIL: EVIL})}\n",
        "conf.toml": f"{QUOTED} = 3\nselect = [{QUOTED}]\n",
        "base.json": json.dumps({"schema": EVIL, EVIL: EVIL}),
        "mod.py": f"def build():\n    raise ValueError({EVIL!r})\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")


FORMATS = tuple([form for form in TABLE_FORMATS if form != "rich"])
STRANGE: tuple[tuple[str, ...], ...] = (
    (EVIL,), (f"--{EVIL}",), ("table", EVIL), ("table", f"{EVIL}.yaml"), ("table", "bad.yaml"), ("table", "words.yaml"),
    *[("table", NET, option, EVIL) for option in ("--set", "--columns", "--format", "--input", "--batch", "--sort")],
    *[("table", NET, option, EVIL) for option in ("--convention", "--units", "--optional")],
    ("table", NET, "--set", f"a={EVIL}"), ("table", NET, "-o", f"{EVIL}/x"), ("table", NET, f"--{EVIL}"),
    *[("table", f"{EVIL}.yaml", "--format", form) for form in FORMATS],
    *[("memory", f"{EVIL}.yaml", "--format", form) for form in FORMATS],
    *[("check", f"{EVIL}.yaml", "--format", form)
      for form in ("text", "json", "markdown", "junit", "github", "gitlab", "sarif", "rdjson")],
    *[("show", f"{EVIL}.yaml", "--as", form) for form in ("pattern", "yaml", "layers")],
    ("explain", NET, EVIL), ("explain", f"{EVIL}.yaml", "conv"), ("verify", f"{EVIL}.yaml"),
    ("memory", NET, "--profile", EVIL), ("fit", NET, "--memory", EVIL), ("fit", NET, "--memory", f"board:{EVIL}"),
    ("solve", FAMILY, "--for", EVIL, "--max", "macs=1M"), ("solve", FAMILY, "--for", "w=1..3", "--max", EVIL),
    ("solve", FAMILY, "--for", "w=1..3", "--max", f"{EVIL}=3"),
    *[("sweep", FAMILY, "--vary", "w=1..3", option, EVIL)
      for option in ("--where", "--keys", "--executor", "--points", "--plot", "--sort", "--pareto")],
    ("sweep", FAMILY, "--vary", EVIL), ("sweep", FAMILY, "--vary", "w=1..3", "--executor", f"dask://{EVIL}:3"),
    ("sweep", FAMILY, "--vary", "w=1..3", "--points", "p.csv"), ("sweep", FAMILY, "--from", "c.csv"),
    ("sweep", FAMILY, "--from", f"{EVIL}.csv"), ("sweep", FAMILY, "--from", f"n{EVIL}.csv"),
    *[("formula", FAMILY, option, EVIL) for option in ("--in", "--of", "--at")],
    ("check", NET, "--baseline", EVIL), ("check", NET, "--baseline", "base.json"), ("check", NET, "--max", EVIL),
    ("check", f"{EVIL}.yaml", "--base", EVIL), ("check", f"{EVIL}.yaml", "--config", "conf.toml"),
    ("check", f"{EVIL}.yaml", "--config", EVIL), ("check", "bad.yaml"), ("diff", NET, f"{EVIL}.yaml"),
    ("diff", EVIL, EVIL), ("plot", f"{EVIL}.yaml", "--kind", "graph"), ("plot", NET, "--kind", EVIL),
    ("plot", NET, "-o", f"{EVIL}.pdf"), ("report", f"{EVIL}.yaml"), ("docs", f"{EVIL}.md"),
    ("docs", "--check", f"s{EVIL}.md"), ("docs", "--diff", f"s{EVIL}.md"), ("docs", f"n{EVIL}.md"),
    ("value", NET, EVIL), ("value", f"{EVIL}.yaml", "title"), ("value", NET, "macs", "--layer", EVIL),
    ("schema", EVIL), ("schema", "-o", f"{EVIL}.yaml"), ("kinds", EVIL), ("list", EVIL),
    *[("convert", f"{EVIL}.yaml", "--to", form) for form in ("yaml", "pattern", "torch", "keras", "caffe", EVIL)],
    ("table", f"{EVIL}.cfg"), ("table", "a.prototxt"), ("convert", "a.prototxt"), ("table", "k.json"),
    ("convert", "k.json"), ("convert", "k.json", "--to", "torch"), ("convert", "k.json", "--to", "keras"),
    ("report", "k.json"), ("table", "mod.py:build"), ("table", f"mod.py:{EVIL}"), ("table", f"n{EVIL}.onnx"),
)  # fmt: skip


@pytest.mark.slow
@each("words", STRANGE, ids=repr)
def test_no_control_character_of_a_name_reaches_a_stream(words: tuple[str, ...], evil_files: None) -> None:
    done = called(*words)

    assert done.returncode in (0, 1, 2), done
    assert unfit(done.stdout + done.stderr) == [], done


def test_the_table_of_strange_calls_has_every_command() -> None:
    assert {words[0] for words in STRANGE} >= set(COMMANDS)


DESIGN = f"name: net\nlayers: |\n  {NET}\n"
TEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "net.yaml": (DESIGN, ("table", "net.yaml")),
    "cnncalc.toml": ("[budget]\nparameters = '9M'\n", ("check", "lenet5")),
    "a.md": ("# A\n\n<!-- cnncalc: value lenet5 macs -->1<!-- /cnncalc -->\n\ntext\n", ("docs", "--check", "a.md")),
    "a.csv": ("w\n1\n2\n", ("sweep", FAMILY, "--from", "a.csv")),
    "a.cfg": ("[net]\nheight=9\nwidth=11\nchannels=3\n\n[convolutional]\nfilters=4\nsize=3\n", ("table", "a.cfg")),
    "a.prototxt": ('name: "n"\nlayer {\n name: "d" type: "Input" top: "d"\n'
                   " input_param { shape { dim: 1 dim: 3 dim: 9 dim: 11 } }\n}\n"
                   'layer {\n name: "r" type: "ReLU" bottom: "d" top: "r"\n}\n', ("table", "a.prototxt")),
}  # fmt: skip
"""A text of each kind, and the call that reads it from a file of that name."""
SAME: dict[str, Callable[[bytes], bytes]] = {
    "mark": lambda data: b"\xef\xbb\xbf" + data,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "both": lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
}
"""What does not change what a text says."""


@each("name", TEXTS)
def test_a_byte_order_mark_and_the_ends_of_lines_change_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, words = TEXTS[name]
    file = tmp_path / name
    file.write_bytes(text.encode())
    expected = called(*words)
    assert expected.returncode < 2

    for how, change in SAME.items():
        file.write_bytes(change(text.encode()))
        done = called(*words)
        assert (done.returncode, done.stdout.replace("\\r", ""), done.stderr) == (
            expected.returncode, expected.stdout, expected.stderr,
        ), how  # fmt: skip


@each("name", TEXTS)
def test_a_text_in_another_encoding_is_called_that(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, words = TEXTS[name]
    for encoding in ("utf-16", "utf-32"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        done = called(*words)
        assert done.returncode == 2
        assert encoding.upper() in done.stderr
        assert name == "a.csv" or "= hint: save it as UTF-8" in done.stderr
    for data in (text.encode().replace(b"\n", b"\n\0", 1), text.encode() + b"\0"):
        (tmp_path / name).write_bytes(data)
        done = called(*words)
        assert done.returncode in (0, 1, 2)
        assert unfit(done.stdout + done.stderr) == []
        assert name == "a.cfg" or done.returncode == 2, done


WRITING: tuple[tuple[str, ...], ...] = (
    ("table", NET, "-o"), ("memory", NET, "-o"), ("check", NET, "-o"), ("show", NET, "-o"),
    ("value", NET, "macs", "-o"),
    ("plot", NET, "-o"), ("report", NET, "-o"), ("schema", "-o"), ("convert", NET, "--to", "yaml", "-o"),
    ("sweep", FAMILY, "--vary", "w=1,2", "-o"), ("sweep", FAMILY, "--vary", "w=1,2", "--points"),
    ("sweep", FAMILY, "--vary", "w=1,2", "--plot"),
)  # fmt: skip
ENDINGS = {"plot": "svg", "report": "html", "schema": "json", "convert": "yaml", "--points": "csv", "--plot": "svg"}


@each("words", WRITING, ids=" ".join)
def test_a_place_that_takes_no_file_is_an_error_and_leaves_nothing(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file as a folder stands for a folder without permission, which root has none of."""
    monkeypatch.chdir(tmp_path)
    ending = ENDINGS.get(words[-1], ENDINGS.get(words[0], "txt"))
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    for name in ("folder", "fifo", "loop"):
        path = tmp_path / f"{name}.{ending}"
        if not os.path.lexists(path):
            {"folder": os.mkdir, "fifo": os.mkfifo, "loop": lambda path: os.symlink(path, path)}[name](path)
    before = sorted(os.listdir(tmp_path))
    for place in ("none/x", "file/x", "folder", "fifo", "loop", "a" * 300):
        done = called(*words, f"{place}.{ending}")
        assert done.returncode == 2, (place, done)
        assert words[-1] == "--plot" or not done.stdout, (place, done)  # the table is printed before the drawing
        assert done.stderr.startswith("error["), (place, done)
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "a" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 4) + ".txt"

    assert called("table", NET, "-o", name).returncode == 0
    assert os.listdir(tmp_path) == [name]


@pytest.mark.slow
def test_two_processes_that_write_one_file_leave_one_of_the_texts(tmp_path: Path) -> None:
    texts = {called("table", net, "--format", "json").stdout for net in ("lenet5", "resnet152")}
    for _ in range(3):
        both = [
            subprocess.Popen(
                [*COMMAND, "table", net, "--format", "json", "-o", "t.json"], cwd=tmp_path, env=environment()
            )
            for net in ("lenet5", "resnet152")
        ]
        assert [each.wait(timeout=60) for each in both] == [0, 0]
        assert (tmp_path / "t.json").read_text(encoding="utf-8") in texts
        assert os.listdir(tmp_path) == ["t.json"]
