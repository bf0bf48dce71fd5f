"""``cnncalc plot`` as users call it."""

from __future__ import annotations

import json
import os
import pty
import struct
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.calls import COMMAND, ROOT, called, environment

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("cost", "training", "inference", "volumes", "graph")
PATTERN = "INPUT[32x32x3] -> [CONV3-32 -> RELU -> POOL2]*2 -> FC-10"


def svg_of(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)  # noqa: S314  # our own text
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_goes_to_standard_output(kind: str) -> None:
    done = called("plot", PATTERN, "--kind", kind)

    assert (done.returncode, done.stderr) == (0, "")
    assert svg_of(done.stdout).get("width") == "880"


def test_without_a_kind_the_cost_is_drawn() -> None:
    assert called("plot", "lenet5").stdout == called("plot", "lenet5", "--kind", "cost").stdout


def test_a_drawing_goes_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "net.svg"

    done = called("plot", "vgg16", "--kind", "volumes", "--width", "640", "--output", str(file))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert svg_of(file.read_text(encoding="utf-8")).get("width") == "640"


def test_a_drawing_over_time_takes_the_options_of_memory() -> None:
    """The same peak as the memory command prints."""
    options = ("resnet18", "--batch", "8", "--optimizer", "adam", "--checkpoint", "blocks")
    peak = json.loads(called("memory", *options, "--format", "json").stdout)["training"]["peak_bytes"]

    assert f'data-peak="{peak}"' in called("plot", *options, "--kind", "training").stdout


def test_depth_batch_units_and_design_options_are_used() -> None:
    text = called("plot", "resnet18", "--depth", "1", "--batch", "4", "--units", "si", "--input", "96x96x3").stdout

    assert "4 images" in text
    assert "kB" in text
    assert "KiB" not in text
    assert '<text class="tick muted"' in text
    assert "layer1.0" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plot", "vgg16", "--kind", "volume"), "found 'volume'\n  = hint: --kind volumes"),
        (("plot", "vgg16", "--width", "12"), "error[usage]: a drawing is 320 to 10,000 pixels wide, not 12\n"),
        (("plot", "vgg16", "--width", "wide"), "expected a whole number of at least 1, found 'wide'"),
        (("plot", "vgg16", "--optimizer", "adam"), "hint: add --kind training or --kind inference"),
        (("plot", "vgg16", "--kind", "graph", "--checkpoint", "blocks"), "--checkpoint only applies to drawings over"),
        (("plot", "vgg16", "--kind", "training", "--profile", "notes"), "has no memory over time"),
        (
            ("plot", "vgg16", "--kind", "training", "--dtype", "int8"),
            "none here computes in int8\n  = hint: --kind cost takes",
        ),
        (("plot", "vgg16", "--kind", "training", "--optimizer", "adm"), "did you mean 'adam'?"),
        (("plot", "vgg61"), "did you mean"),
        (("plot", "vgg16", "--output", "/nowhere/net.svg"), "cannot write '/nowhere/net.svg'"),
    ],
)
def test_invalid_options_are_refused(arguments: tuple[str, ...], message: str) -> None:
    done = called(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height in the header of a PNG file."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("arguments", [("--format", "png"), ()])
def test_a_png_has_twice_the_resolution(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """A file that ends in .png is one."""
    pytest.importorskip("resvg_py", reason="resvg-py, the extra for PNG, is not installed")
    file = tmp_path / "net.PNG"

    done = called("plot", "lenet5", "--width", "400", *arguments, "--output", str(file))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert size_of(file.read_bytes())[0] == 800


def test_a_picture_goes_through_a_pipe() -> None:
    pytest.importorskip("resvg_py", reason="resvg-py, the extra for PNG, is not installed")

    done = subprocess.run(
        [*COMMAND, "plot", "lenet5", "--format", "png"], capture_output=True, env=environment(), check=True
    )

    assert size_of(done.stdout)[0] == 1760
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("call", "what", "name"),
    [
        (["plot", "lenet5", "--format", "png"], "a drawing", "net.png"),
        (["plot", "lenet5", "--format", "png", "--output", "-"], "a drawing", "net.png"),
        (["plot", "lenet5"], "a drawing", "net.svg"),
        (["report", "lenet5"], "a page", "page.html"),
    ],
    ids=" ".join,
)
def test_drawings_are_not_printed_on_a_terminal(call: list[str], what: str, name: str) -> None:
    leader, follower = pty.openpty()

    done = subprocess.run(
        [*COMMAND, *call], stdout=follower, stderr=subprocess.PIPE, env=environment(), cwd=ROOT, check=False
    )
    os.close(follower)
    os.close(leader)

    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"error[usage]: {what} cannot be shown on a terminal\n"
        f"  = hint: write it to a file with --output {name}, or into a pipe\n"
    )


def without(library: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A call in a Python in which a library cannot be imported."""
    code = f"import sys; sys.modules[{library!r}] = None; from cnncalc.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment(), check=False
    )


def test_without_the_library_png_says_what_to_install(tmp_path: Path) -> None:
    file = tmp_path / "net.png"

    done = without("resvg_py", "plot", "lenet5", "--output", str(file))

    assert done.returncode == 2
    assert done.stderr == (
        "error[png-missing]: PNG needs the library resvg-py, which is not installed\n"
        "  = hint: pip install 'cnncalc[png]', or write SVG\n"
    )
    assert not file.exists()


def test_a_drawing_is_svg_or_png(tmp_path: Path) -> None:
    file = tmp_path / "net.jpg"

    done = called("plot", "lenet5", "--output", str(file))

    assert done.returncode == 2
    assert done.stderr == (
        "error[usage]: '.jpg' is not an ending of a format of this command (formats: svg, png)\n"
        f"  = hint: --output {tmp_path}/net.svg\n"
    )
    assert not file.exists()


def test_svg_needs_no_library() -> None:
    code = (
        "import sys; from cnncalc.cli.program import run;"
        "run(['plot', 'INPUT 8x8x3 -> CONV', '--output', '/dev/null']);"
        "print([name for name in ('numpy', 'rich', 'yaml', 'click', 'resvg_py', 'xml') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)

    assert done.stdout == "[]\n"


def test_the_help_names_every_kind() -> None:
    text = called("plot", "--help").stdout

    assert all(f"\n    {kind} " in text or f"\n  {kind} " in text for kind in KINDS), text


def test_other_picture_formats_are_refused(tmp_path: Path) -> None:
    """An SVG file named .pdf could not be opened."""
    file = tmp_path / "net.PDF"

    done = called("plot", "lenet5", "-o", str(file))

    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "error[usage]: '.pdf' is not an ending of a format of this command (formats: svg, png)\n"
        f"  = hint: --output {tmp_path / 'net.svg'}, then rsvg-convert -f pdf -o {file} {tmp_path / 'net.svg'}\n",
    )
    assert not file.exists()
    assert called("plot", "lenet5", "-o", str(file), "--format", "svg").returncode == 2
    assert not file.exists()
    hint = "--output 'a b.svg', then rsvg-convert -f pdf -o 'a b.pdf' 'a b.svg'"
    assert called("plot", "lenet5", "-o", "a b.pdf").stderr.endswith(f"  = hint: {hint}\n")
