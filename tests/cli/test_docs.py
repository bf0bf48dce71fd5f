"""``cnncalc docs`` updates documents and changes nothing else in them."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.analysis import report
from cnncalc.cli import document_update
from cnncalc.cli.calls import CALLABLE, Caller
from cnncalc.cli.console import Console
from cnncalc.cli.docs import HELP
from cnncalc.cli.document_update import update_document
from cnncalc.cli.program import run
from cnncalc.cli.registry import COMMANDS
from cnncalc.documents import SYNTAXES
from tests.calls import COMMAND, cnncalc, environment, one_of
from tests.documents.helpers import MARKS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TINY = "INPUT 9x11x3 -> CONV3-7 -> RELU -> FC-5"
FRESH = f"""\
# A net

It has <!-- cnncalc: value "{TINY}" parameters -->3,666<!-- /cnncalc --> parameters.

<!-- cnncalc: table "{TINY}" --columns layer,weights --format csv -->
```csv
layer,weights
input,0
conv1,189
relu1,0
fc1,3465
```
<!-- /cnncalc -->
"""
STALE = FRESH.replace("3,666", "3.6K").replace("conv1,189\n", "")


def called(folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Exit code, output and errors of ``docs`` called in a folder; with variables in a process of its own."""
    if variables:
        done = subprocess.run(
            [*COMMAND, "docs", *arguments],
            cwd=folder, capture_output=True, env=environment(**variables), timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.decode(), done.stderr.decode()
    with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as errors:
        code = run(["docs", *arguments], Console(str(folder)))
    return code, output.getvalue(), errors.getvalue()


def write(folder: Path, text: str, name: str = "a.md") -> Path:
    """A document in a folder."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


def test_a_document_is_updated(tmp_path: Path) -> None:
    file = write(tmp_path, STALE)

    assert called(tmp_path, "a.md") == (0, "a.md: 2 markers, 2 updated\n", "")
    assert file.read_text() == FRESH
    assert called(tmp_path, "a.md") == (0, "a.md: 2 markers, up to date\n", "")
    assert file.read_text() == FRESH


def test_calls_share_the_analysis_of_a_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One analysis for each design, batch size and set of variables; the next run reads a changed file again."""
    analysed: list[dict[str, Any]] = []
    account = report.account

    def logged(*arguments: Any, **options: Any) -> Any:
        analysed.append(options)
        return account(*arguments, **options)

    monkeypatch.setattr(report, "account", logged)
    (tmp_path / "net.yaml").write_text("variables: {w: 4}\nlayers: INPUT 9x11x3 -> CONV3-w -> FC-5\n")
    calls = ["macs", "weights", "biases", "macs --set w=5", "biases --set w=5", "training_memory --batch 8", "biases"]
    text = "".join([f"<!-- cnncalc: value net.yaml {call} --exact --><!-- /cnncalc -->\n" for call in calls])

    def values() -> list[str]:
        return re.findall("-->([0-9,]+)<!--", file.read_text())

    file = write(tmp_path, text)
    assert called(tmp_path, "a.md")[0] == 0
    assert values()[:5] == ["12,672", "2,088", "9", "15,840", "10"]
    assert [options["batch"] for options in analysed] == [1, 1, 8]
    (tmp_path / "net.yaml").write_text("variables: {w: 2}\nlayers: INPUT 9x11x3 -> CONV3-w -> FC-5\n")
    assert called(tmp_path, "a.md")[0] == 0
    assert values()[:3] == ["6,336", "1,044", "7"]
    assert len(analysed) == 6


DIFF = f"""\
--- a.md
+++ a.md (up to date)
@@ -1,11 +1,12 @@
 # A net
 
-It has <!-- cnncalc: value "{TINY}" parameters -->3.6K<!-- /cnncalc --> parameters.
+It has <!-- cnncalc: value "{TINY}" parameters -->3,666<!-- /cnncalc --> parameters.
 
 <!-- cnncalc: table "{TINY}" --columns layer,weights --format csv -->
 ```csv
 layer,weights
 input,0
+conv1,189
 relu1,0
 fc1,3465
 ```
"""  # noqa: W293  # an empty line of a diff


def test_check_writes_nothing_and_lists_stale_markers(tmp_path: Path) -> None:
    file = write(tmp_path, STALE)

    assert called(tmp_path, "--check", "a.md") == (
        1,
        f'a.md:3: stale: value "{TINY}" parameters\n'
        f'a.md:5: stale: table "{TINY}" --columns layer,weights --format csv\n{DIFF}a.md: 2 markers, 2 stale\n',
        "",
    )
    assert file.read_text() == STALE


def test_diff_writes_nothing_and_ends_with_0(tmp_path: Path) -> None:
    file = write(tmp_path, STALE)

    assert called(tmp_path, "--diff", "a.md") == (0, f"{DIFF}a.md: 2 markers, 2 stale\n", "")
    assert file.read_text() == STALE


def test_an_updated_document_passes_the_check(tmp_path: Path) -> None:
    write(tmp_path, FRESH)

    assert called(tmp_path, "--check", "a.md") == (0, "a.md: 2 markers, up to date\n", "")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", [True, False])
def test_line_breaks_byte_order_mark_and_missing_last_line_break_are_kept(
    tmp_path: Path, newline: str, mark: str, end: bool
) -> None:
    stale, fresh = (mark + text.replace("\n", newline) + ("" if end else "no end") for text in (STALE, FRESH))
    file = write(tmp_path, stale)

    assert called(tmp_path, "a.md")[0] == 0
    assert file.read_bytes() == fresh.encode()


def test_an_updated_document_is_not_written_again(tmp_path: Path) -> None:
    file = write(tmp_path, FRESH)
    os.utime(file, (1, 1))

    called(tmp_path, "a.md")

    assert file.stat().st_mtime == 1


def test_the_mode_of_a_document_is_kept(tmp_path: Path) -> None:
    file = write(tmp_path, STALE)
    file.chmod(0o640)

    called(tmp_path, "a.md")

    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_the_target_of_a_link_is_written(tmp_path: Path) -> None:
    file = write(tmp_path, STALE, "inside/a.md")
    (tmp_path / "b.md").symlink_to(file)

    assert called(tmp_path, "b.md", "inside") == (0, "b.md: 2 markers, 2 updated\n", "")
    assert (tmp_path / "b.md").is_symlink()
    assert file.read_text() == FRESH


def test_file_names_are_relative_to_the_target_of_a_link(tmp_path: Path) -> None:
    write(tmp_path, "name: mine\nlayers: INPUT 8x8x3 -> FC-2\n", "inside/mine.yaml")
    file = write(tmp_path, "<!-- cnncalc: value mine.yaml parameters -->?<!-- /cnncalc -->", "inside/a.md")
    (tmp_path / "README").symlink_to(file)

    assert called(tmp_path, "README") == (0, "README: 1 marker, 1 updated\n", "")
    assert file.read_text() == "<!-- cnncalc: value mine.yaml parameters -->386<!-- /cnncalc -->"


def test_folders_are_searched(tmp_path: Path) -> None:
    for name in ("b/c.tex", "b/a.md", "d.adoc", "b/z.txt", ".hidden/a.md", "node_modules/a.md", "b/.a.md"):
        write(tmp_path, "text\n", name)
    write(tmp_path, STALE, "e.md")
    write(tmp_path, FRESH, "b/b.md")
    (tmp_path / "empty").mkdir()

    assert called(tmp_path, ".", "empty", "d.adoc") == (
        0,
        "e.md: 2 markers, 2 updated\n"
        "b/b.md: 2 markers, up to date\n"
        "empty: no document\n"
        ".: 3 documents without a marker\n",
        "",
    )


def test_a_document_without_markers_is_reported(tmp_path: Path) -> None:
    write(tmp_path, "text\n")

    assert called(tmp_path, "a.md") == (0, "a.md: no marker\n", "")


def test_file_names_in_a_call_are_relative_to_the_document(tmp_path: Path) -> None:
    """So the result is the same wherever the command is called."""
    write(tmp_path, "name: mine\nlayers: INPUT 8x8x3 -> FC-2\n", "inside/nets/mine.yaml")
    file = write(tmp_path, "<!-- cnncalc: value nets/mine.yaml parameters -->?<!-- /cnncalc -->", "inside/a.md")

    assert called(tmp_path, "inside/a.md")[0] == 0
    assert file.read_text() == "<!-- cnncalc: value nets/mine.yaml parameters -->386<!-- /cnncalc -->"
    assert called(tmp_path / "inside" / "nets", "--check", "../a.md") == (0, "../a.md: 1 marker, up to date\n", "")


def test_the_environment_has_no_influence(tmp_path: Path) -> None:
    text = f'<!-- cnncalc: table "{TINY}" -->\n<!-- /cnncalc -->\n<!-- cnncalc: table --help -->\n<!-- /cnncalc -->\n'
    file = write(tmp_path, text)

    called(tmp_path, "a.md")
    plain = file.read_text()

    assert "\n```text\npattern\n\nlayer  label" in plain
    assert "\n```text\nUsage: cnncalc table [OPTIONS] TARGET\n" in plain
    for variables in ({"FORCE_COLOR": "1"}, {"COLUMNS": "40"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}):
        assert called(tmp_path, "--check", "a.md", **variables)[0] == 0


def test_every_syntax_at_once(tmp_path: Path) -> None:
    marks = {f"a.{SYNTAXES[name].endings[0]}": comments for name, comments in MARKS.items()}
    assert set(MARKS) == set(SYNTAXES)
    for name, (begin, end) in marks.items():
        write(tmp_path, f"{begin.format(f'''value '{TINY}' parameters''')}\n{end}\n", name)

    assert called(tmp_path, *marks)[0] == 0
    assert called(tmp_path, "--check", *marks)[0] == 0
    for name, (_, end) in marks.items():
        assert (tmp_path / name).read_text().rpartition(end)[0].rstrip().endswith("\n3,666")


def test_the_syntax_can_be_given(tmp_path: Path) -> None:
    file = write(tmp_path, f"% cnncalc: value '{TINY}' parameters\n% /cnncalc\n", "a.txt")

    assert called(tmp_path, "a.txt", "--syntax", "latex") == (0, "a.txt: 1 marker, 1 updated\n", "")
    assert file.read_text().splitlines()[1] == "3,666"


# Mistakes


def test_a_document_with_an_error_is_unchanged_and_others_are_updated(tmp_path: Path) -> None:
    bad = STALE + "<!-- cnncalc: value vgg16 paramters -->\n<!-- /cnncalc -->\n"
    file = write(tmp_path, bad)
    other = write(tmp_path, STALE, "b.md")

    assert called(tmp_path, "a.md", "b.md") == (
        2,
        "a.md: not changed\nb.md: 2 markers, 2 updated\n",
        "a.md:13:15: error[unknown-key]: a net has no 'paramters'; did you mean 'parameters'?\n"
        "   |\n"
        "13 | <!-- cnncalc: value vgg16 paramters -->\n"
        "   |               ^^^^^^^^^^^^^^^^^^^^^\n",
    )
    assert (file.read_text(), other.read_text()) == (bad, FRESH)


def test_calls_end_at_1000_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = Caller.call
    monkeypatch.setattr(Caller, "call", lambda *given: calls.append(given) or real(*given))  # type: ignore[func-returns-value]
    write(tmp_path, "<!-- cnncalc: value nonet macs -->\n<!-- /cnncalc -->\n" * 1_200)

    code, _, err = called(tmp_path, "a.md")

    assert (code, len(calls)) == (2, 1000)
    assert err.endswith("\n\n... and at least 980 more problems\n")


def test_a_document_that_would_grow_beyond_its_limit_is_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table has about 1,500 characters; the limit is set to 2 MiB."""
    monkeypatch.setattr("cnncalc.cli.document_update.MAX_BYTES", 2 * 1024**2)
    text = "<!-- cnncalc: table lenet5 -->\n<!-- /cnncalc -->\n" * 2_000
    file = write(tmp_path, text)

    code, out, err = called(tmp_path, "a.md")

    assert (code, out, file.read_text()) == (2, "a.md: not changed\n", text)
    most = "error[limit]: a document has at most 2 MiB"
    assert f"{most}, but with the output of the calls up to this one it would have more\n" in err
    assert called(tmp_path, "--check", "a.md")[0] == 2


@pytest.mark.parametrize("order", [("a.md", "b.md"), ("b.md", "a.md")])
def test_an_error_has_a_higher_exit_code_than_a_stale_document(tmp_path: Path, order: tuple[str, str]) -> None:
    write(tmp_path, "<!-- /cnncalc -->")
    write(tmp_path, STALE, "b.md")

    assert called(tmp_path, "--check", *order)[0] == 2


FAILURES = {
    "table missing.yaml": (
        "a.md:1:15: error[unreadable]: cannot read missing.yaml: no such file or directory\n"
        "  |\n"
        "1 | <!-- cnncalc: table missing.yaml -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^\n"
    ),
    "table vgg166": (
        "a.md:1:15: error[unknown-target]: no file, named net or pattern 'vgg166'; did you mean 'vgg16'?\n"
        "  |\n"
        "1 | <!-- cnncalc: table vgg166 -->\n"
        "  |               ^^^^^^^^^^^^\n"
        "  = hint: 'cnncalc list' shows the named nets\n"
    ),
    "table 'INPUT 9x9x1 -> CONV11(pad=0)'": (
        "a.md:1:15: error[failed-call]: this call failed:\n"
        "  |\n"
        "1 | <!-- cnncalc: table 'INPUT 9x9x1 -> CONV11(pad=0)' -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "\n"
        "<pattern>:1:16: error[window-too-large]: conv1: the window must fit into the volume, but kernel 11 is larger "
        "than height 9\n"
        "  |\n"
        "1 | INPUT 9x9x1 -> CONV11(pad=0)\n"
        "  |                ^^^^^^^^^^^^^\n"
        "  = hint: the smallest square input that works is 11x11x1\n"
    ),
    "check missing.yaml": (
        "a.md:1:15: error[failed-call]: this call failed:\n"
        "  |\n"
        "1 | <!-- cnncalc: check missing.yaml -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^\n"
        "\n"
        "error[unreadable]: cannot read missing.yaml: no such file or directory\n"
    ),
    "table vgg16 --formt csv": (
        "a.md:1:15: error[usage]: cnncalc table has no option '--formt'\n"
        "  |\n"
        "1 | <!-- cnncalc: table vgg16 --formt csv -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  = hint: did you mean '--format'?\n"
    ),
    "table vgg16 --debug": (
        "a.md:1:15: error[usage]: cnncalc table has no option '--debug'\n"
        "  |\n"
        "1 | <!-- cnncalc: table vgg16 --debug -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^^\n"
        "  = hint: cnncalc table --help\n"
    ),
    "table -": (
        "a.md:1:15: error[input]: a call in a document has no standard input: name a file, a net or a pattern\n"
        "  |\n"
        "1 | <!-- cnncalc: table - -->\n"
        "  |               ^^^^^^^\n"
    ),
    "table vgg16 --output out.md": (
        "a.md:1:15: error[usage]: a call in a document cannot write a file: its output goes into the document\n"
        "  |\n"
        "1 | <!-- cnncalc: table vgg16 --output out.md -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
    ),
    "check vgg16 --no-rules --record out.json": (
        "a.md:1:15: error[usage]: a call in a document cannot write a file: its output goes into the document\n"
        "  |\n"
        "1 | <!-- cnncalc: check vgg16 --no-rules --record out.json -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
    ),
    "plot lenet5 --output out.png": (
        "a.md:1:15: error[usage]: pictures in documents must be SVG\n"
        "  |\n"
        "1 | <!-- cnncalc: plot lenet5 --output out.png -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  = hint: --output NAME.svg\n"
    ),
    "plot lenet5 --output ../out.svg": (
        "a.md:1:15: error[picture]: a picture of a document is an SVG file below its folder, but '../out.svg' may be "
        "outside of it: write a path relative to that folder\n"
        "  |\n"
        "1 | <!-- cnncalc: plot lenet5 --output ../out.svg -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
    ),
    "docs a.md": (
        "a.md:1:15: error[unknown-command]: a document cannot call 'docs'\n"
        "  |\n"
        "1 | <!-- cnncalc: docs a.md -->\n"
        "  |               ^^^^^^^^^\n"
        f"  = hint: the commands are {', '.join(CALLABLE)}\n"
    ),
}


@pytest.mark.parametrize(("call", "message"), FAILURES.items(), ids=FAILURES)
def test_calls_that_fail(tmp_path: Path, call: str, message: str) -> None:
    text = f"<!-- cnncalc: {call} -->\n<!-- /cnncalc -->\n"
    file = write(tmp_path, text)

    assert called(tmp_path, "a.md") == (2, "a.md: not changed\n", message)
    assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


def test_the_output_of_a_failed_check_is_inserted(tmp_path: Path) -> None:
    """Exit code 1 is a result, which a document may show."""
    file = write(tmp_path, "<!-- cnncalc: check lenet5 --no-rules --max parameters=1K -->\n<!-- /cnncalc -->\n")

    assert called(tmp_path, "a.md") == (0, "a.md: 1 marker, 1 updated\n", "")
    assert "lenet5  parameters  60.00K  max 1K  6,000.0 %  over\n" in file.read_text()


def test_warnings_of_a_call_have_its_position(tmp_path: Path) -> None:
    file = write(tmp_path, "<!-- cnncalc: value 'INPUT 3x224x224 -> FC-5' parameters -->?<!-- /cnncalc -->")

    code, output, errors = called(tmp_path, "a.md")

    assert (code, output) == (0, "a.md: 1 marker, 1 updated\n")
    assert errors.startswith(
        "a.md:1:15: warning[call-warning]: warning from this call:\n"
        "  |\n"
        "1 | <!-- cnncalc: value 'INPUT 3x224x224 -> FC-5' parameters -->?<!-- /cnncalc -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "\n"
        "<pattern>:1:7: warning[looks-depth-first]: input: [3x224x224] is read as height x width x depth"
    )
    assert "-->752.6K<!--" in file.read_text()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\n\xff", "a.md is not a text in UTF-8 (line 2, byte 2 is 0xff)"),
        (b"a\r\n\rb\x00", "a.md is not a text in UTF-8 (line 3, byte 5 is 0x00)"),
        (b"\x00\xff", "a.md is not a text in UTF-8 (line 1, byte 0 is 0x00)"),
        ("<!-- x -->\n".encode("utf-16"), "a.md is not a text in UTF-8 (it is UTF-16)"),
    ],
)
def test_what_is_not_text_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(data)

    assert called(tmp_path, "a.md") == (2, "", f"error[not-text]: {message}\n  = hint: save it as UTF-8\n")
    assert file.read_bytes() == data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error[usage]: cnncalc docs needs FILES\n  = hint: cnncalc docs README.md docs\n"),
        (["-"], "error[usage]: docs rewrites files, but '-' is standard input\n"),
        (["missing.md"], "error[unreadable]: cannot read missing.md: no such file or directory\n"),
        ([""], "error[unreadable]: cannot read '': no such file or directory\n"),
        (
            ["a.txt"],
            "error[unknown-syntax]: unknown syntax of a.txt (known endings: "
            f"{' '.join(f'.{ending}' for each in SYNTAXES.values() for ending in each.endings)})\n"
            f"  = hint: --syntax {one_of(SYNTAXES)}\n",
        ),
        (
            ["a.txt", "--syntax", "tex"],
            f"error[usage]: --syntax: expected {one_of(SYNTAXES)}, found 'tex'\n  = hint: --syntax latex\n",
        ),
    ],
)
def test_wrong_calls(tmp_path: Path, arguments: list[str], message: str) -> None:
    write(tmp_path, "x", "a.txt")

    assert called(tmp_path, *arguments) == (2, "", message)


def test_the_help_names_every_syntax_and_shows_its_comments() -> None:
    for name, each in SYNTAXES.items():
        begin, end = (comment.format("CALL") for comment in MARKS[name])
        assert each.title in HELP.split("\n\n")[0]
        own = [line for line in HELP.splitlines() if line.startswith(f"In {each.title}:")]
        assert [line.split(maxsplit=2)[2] for line in own] == ([f"{begin}   and   {end}"] if "<" not in begin else [])


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """Reading a pipe waits for a writer; a device may never end."""
    os.mkfifo(tmp_path / "a.md")

    assert called(tmp_path, "a.md", ".") == (2, "", "error[unreadable]: cannot read a.md: not a file\n")


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--check",), 1)])
def test_a_closed_pipe_changes_neither_the_update_nor_the_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    """As ``cnncalc docs . | head -0``: the pipe is closed before the first line is written."""
    names = ["a.md", "b.md", "c.md"]
    for name in names:
        write(tmp_path, STALE, name)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "docs", *arguments, *names],
        cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, env=environment(), timeout=120, check=False,
    )  # fmt: skip
    os.close(writer)

    assert (done.returncode, done.stderr) == (code, b"")
    assert {(tmp_path / name).read_text() == STALE for name in names} == {bool(arguments)}


def test_a_picture_that_cannot_be_written_is_named_relative_to_the_working_directory(tmp_path: Path) -> None:
    write(tmp_path, PLOT, "inside/a.md")
    code = (
        "import os, sys\n"
        "def refuse(*ignored): raise PermissionError(13, 'Permission denied')\n"
        "os.replace = refuse\n"
        "from cnncalc.cli.program import run; sys.exit(run(['docs', 'inside/a.md']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment(), check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error[output]: cannot write 'inside/pictures/a.svg': permission denied\n"


def test_a_document_without_write_permission_is_reported(tmp_path: Path) -> None:
    file = write(tmp_path, STALE)
    code = (
        "import os, sys\n"
        "def refuse(*ignored): raise PermissionError(13, 'Permission denied')\n"
        "os.replace = refuse\n"
        "from cnncalc.cli.program import run; sys.exit(run(['docs', 'a.md']))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment(), check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error[output]: cannot write 'a.md': permission denied\n"
    assert file.read_text() == STALE


def test_a_read_only_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, STALE)
    file.chmod(0o444)
    # what root is told of such a file is what others are told
    monkeypatch.setattr(os, "access", lambda path, mode: bool(os.stat(path).st_mode & 0o222))

    assert called(tmp_path, "a.md") == (2, "", "error[output]: cannot write 'a.md': permission denied\n")
    assert file.read_text() == STALE
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_is_killed_leaves_the_old_document(tmp_path: Path) -> None:
    file = write(tmp_path, STALE)
    code = (
        "import os, sys\n"
        "def die(*ignored): os.kill(os.getpid(), 9)\n"
        "os.replace = die\n"
        "from cnncalc.cli.program import run\n"
        "run(['docs', 'a.md'])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, env=environment(), check=False
    )

    assert done.returncode == -9
    assert file.read_text() == STALE
    (beside,) = [path for path in tmp_path.iterdir() if path != file]
    assert beside.read_text() == FRESH


def test_a_document_changed_during_the_run_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, STALE)
    more = "words that somebody wrote while the calls were made\n"
    update_document = document_update.update_document

    def slow(*arguments: Any) -> document_update.DocumentUpdate:
        done = update_document(*arguments)
        file.write_text(STALE + more)
        return done

    monkeypatch.setattr(document_update, "update_document", slow)
    assert called(tmp_path, "a.md") == (
        2,
        "",
        "error[changed]: a.md was changed while its calls ran, so it is not written\n"
        "  = hint: run cnncalc docs again\n",
    )
    assert file.read_text() == STALE + more
    monkeypatch.undo()
    assert called(tmp_path, "a.md")[0] == 0
    assert file.read_text() == FRESH + more


def test_a_title_that_looks_like_a_marker_is_shown(tmp_path: Path) -> None:
    write(tmp_path, 'name: n\ntitle: "x <!-- /cnncalc --> y"\nlayers: INPUT 8x8x3 -> FC-2\n', "n.yaml")
    calls = ("value n.yaml title", "table n.yaml", "table n.yaml --format markdown", "table n.yaml --format html")
    write(tmp_path, "".join(f"<!-- cnncalc: {call} -->\n<!-- /cnncalc -->\n" for call in calls))

    assert called(tmp_path, "a.md") == (0, "a.md: 4 markers, 4 updated\n", "")
    assert called(tmp_path, "--check", "a.md") == (0, "a.md: 4 markers, up to date\n", "")


def test_a_document_can_call_every_command_that_writes_no_file(tmp_path: Path) -> None:
    assert set(COMMANDS) - set(CALLABLE) <= {"docs", "report", "convert"}
    write(tmp_path, "".join(f"<!-- cnncalc: {name} --help -->\n<!-- /cnncalc -->\n" for name in CALLABLE))

    assert called(tmp_path, "a.md")[0] == 0
    assert (tmp_path / "a.md").read_text().count("Usage: cnncalc ") == len(CALLABLE)


# Pictures


PLOT = "<!-- cnncalc: plot lenet5 --output pictures/a.svg -->\n<!-- /cnncalc -->\n"


def test_a_picture_is_written_beside_its_document(tmp_path: Path) -> None:
    file = write(tmp_path, PLOT, "inside/a.md")

    assert called(tmp_path, "--check", "inside/a.md")[0] == 1
    assert not (tmp_path / "inside/pictures").exists()
    assert called(tmp_path, "inside/a.md") == (0, "inside/a.md: 1 marker, 1 updated\n", "")
    drawing = (tmp_path / "inside/pictures/a.svg").read_text()
    assert drawing == cnncalc("plot", "lenet5").stdout
    assert file.read_text().splitlines()[1].startswith("![Three bar charts over the layers of lenet5")
    assert file.read_text().splitlines()[1].endswith("](pictures/a.svg)")
    assert called(tmp_path, "--check", "inside/a.md") == (0, "inside/a.md: 1 marker, up to date\n", "")


@pytest.mark.parametrize(("change", "found"), [("other", "differs"), ("missing", "is missing")])
def test_a_stale_picture_fails_the_check(tmp_path: Path, change: str, found: str) -> None:
    write(tmp_path, PLOT)
    called(tmp_path, "a.md")
    picture = tmp_path / "pictures/a.svg"
    right = picture.read_text()
    if change == "other":
        picture.write_text("<svg/>")
    else:
        picture.unlink()

    assert called(tmp_path, "--check", "a.md") == (
        1,
        f"a.md:1: stale: plot lenet5 --output pictures/a.svg (pictures/a.svg {found})\na.md: 1 marker, 1 stale\n",
        "",
    )
    assert called(tmp_path, "a.md") == (0, "a.md: 1 marker, 1 updated\n", "")
    assert picture.read_text() == right


def test_a_file_that_is_not_svg_is_not_replaced(tmp_path: Path) -> None:
    write(tmp_path, PLOT)
    other = write(tmp_path, "my notes", "pictures/a.svg")

    assert called(tmp_path, "a.md") == (
        2,
        "",
        "a.md:1:15: error[picture]: pictures/a.svg cannot be written: a file of this name exists and is not SVG, so "
        "it is not replaced\n"
        "  |\n"
        "1 | <!-- cnncalc: plot lenet5 --output pictures/a.svg -->\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n",
    )
    assert other.read_text() == "my notes"
    assert (tmp_path / "a.md").read_text() == PLOT


def test_a_picture_does_not_leave_the_folder_by_a_link(tmp_path: Path) -> None:
    write(tmp_path, PLOT, "inside/a.md")
    (tmp_path / "inside/pictures").symlink_to(tmp_path)

    code, output, errors = called(tmp_path, "inside/a.md")

    assert (code, output) == (2, "")
    assert "error[picture]: pictures/a.svg cannot be written: it is outside of the document's folder\n" in errors
    assert not (tmp_path / "a.svg").exists()


def test_two_pictures_for_one_file_are_refused(tmp_path: Path) -> None:
    write(tmp_path, PLOT + PLOT.replace("lenet5", "lenet5 --kind volumes"))

    code, _, errors = called(tmp_path, "a.md")

    assert code == 2
    assert errors.startswith(
        "a.md:3:15: error[picture]: pictures/a.svg is also written, with different content, in line 1\n"
    )
    assert not (tmp_path / "pictures").exists()


def test_documents_in_different_folders_are_updated_in_threads(tmp_path: Path) -> None:
    """File names in calls are relative to the document, in every thread."""
    folders = [tmp_path / str(units) for units in range(2, 10)]
    calls = ("value net.yaml parameters", "table net.yaml", "check net.yaml", "table net.yaml -h")
    for units, folder in enumerate(folders, 2):
        write(folder, f"name: net\nlayers: INPUT 8x8x3 -> FC-{units}\nbudget: {{parameters: 10K}}\n", "net.yaml")
        write(folder, "".join(f"<!-- cnncalc: {call} -->\n<!-- /cnncalc -->\n" for call in calls))
    texts = [(folder / "a.md").read_text() for folder in folders]

    with ThreadPoolExecutor(len(folders)) as threads:
        done = list(
            threads.map(
                lambda folder, text: update_document("a.md", text, "markdown", str(folder), Caller()), folders, texts
            )
        )

    for units, folder, result in zip(range(2, 10), folders, done, strict=True):
        assert result.errors == ""
        assert f"\n{193 * units:,}\n" in result.update.text
        assert called(folder, "a.md")[0] == 0
        assert (folder / "a.md").read_text() == result.update.text


def test_a_sweep_in_a_document_is_bounded(tmp_path: Path) -> None:
    net = '"INPUT 8x8x3 -> CONV3-{w} -> FC-10"'
    write(
        tmp_path,
        f"<!-- cnncalc: sweep {net} --vary w=1..9 --pareto macs,w:max --format markdown -->\n<!-- /cnncalc -->\n",
    )
    assert called(tmp_path, "a.md")[0] == 0
    assert "| w | parameters | macs | activations |" in " ".join((tmp_path / "a.md").read_text().split())
    for more, message in (
        ("--vary w=1..1001", "at most 1,000 points are allowed here, and there are 1,001"),
        ("--vary w=1..9 --points b.csv", "a call in a document writes no points"),
        ("--vary w=1..9 --keys macs,layers --plot b.svg", "a call in a document cannot write a file"),
    ):
        write(tmp_path, f"<!-- cnncalc: sweep {net} {more} -->\n<!-- /cnncalc -->\n")
        code, _, errors = called(tmp_path, "a.md")
        assert code == 2
        assert message in errors
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.md"]
