"""The README and the manual are correct: every example runs, every link has a target, everything is documented.

``cnncalc docs --check README.md docs`` checks the text between markers; ``pytest --regenerate`` rewrites the text
behind prompts, for review.
"""

from __future__ import annotations

import html.parser
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cnncalc
from cnncalc.cli.program import run
from cnncalc.cli.registry import COMMANDS, find_command
from cnncalc.language.catalogue import names, path
from cnncalc.layers import KINDS
from tests.manual import (
    DOCS,
    MARKER,
    PAGES,
    PROMPT,
    ROOT,
    Block,
    Link,
    anchors,
    blocks,
    links,
    named_files,
    read,
    shell_calls,
    shown_calls,
)
from tests.nets import report_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

every_page = pytest.mark.parametrize("page", PAGES)

ELSEWHERE = {"docs/guard.md": "check nets"}
"""Calls that need the example repository of their page; ``tests/checks/test_guard.py`` runs them.

The other calls of such a page run in an empty folder.
"""


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colour, and help as wide as in a pipe."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def folder_of(page: str, folder: Path) -> Path:
    """A folder with the files that a page shows."""
    for name, text in named_files(read(page)).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return folder


# Markers


def test_a_stale_marker_is_detected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``cnncalc docs --check README.md docs`` is a check of its own, in CI and before a commit."""
    marker = "<!-- cnncalc: value vgg16 weights --exact -->138,344,128<!-- /cnncalc -->"
    assert marker in read("docs/notes.md")
    page = tmp_path / "page.md"
    page.write_text(marker.replace("138,344,128", "138,344,129"), encoding="utf-8")

    assert run(["docs", "--check", str(page)]) == 1
    assert "stale: value vgg16 weights --exact" in capsys.readouterr().out


@every_page
def test_a_shell_command_above_a_marker_is_its_call(page: str) -> None:
    text = read(page)
    for block, call in commands_above_markers(text):
        assert shell_calls(block) == [call]
    for marker in MARKER.finditer(text):
        line = text[text.rfind("\n", 0, marker.start()) + 1 : marker.start()]
        assert line or "\n" in marker["body"], f"a line may not begin with a number's marker: {marker['call']}"


def commands_above_markers(text: str) -> Iterator[tuple[Block, str]]:
    """Each block of shell commands right above a marker, and the call of the marker."""
    every = blocks(text)
    for block, following in pairwise(every):
        above = re.fullmatch(r"\s*<!-- cnncalc: (.+) -->\s*", following.before)
        if block.language == "sh" and above is not None:
            yield block, above[1]


# Prompts, shell, Python, YAML


@pytest.mark.parametrize("page", [page for page in PAGES if PROMPT in read(page)])
def test_a_call_after_a_prompt_prints_what_the_page_shows(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], regenerate: bool
) -> None:
    monkeypatch.chdir(tmp_path if page in ELSEWHERE else folder_of(page, tmp_path))
    text = again = read(page)
    every = [call for block in blocks(text) for call in shown_calls(block)]
    assert every, "a prompt stands outside of a block that begins with one"

    for shown in every:
        if shown.call == ELSEWHERE.get(page):
            continue
        run(shown.words)
        done = capsys.readouterr()
        answer = (done.err + done.out).rstrip("\n")
        if regenerate:
            before, after = (f"{PROMPT}{shown.call}\n" + (each and f"{each}\n") for each in (shown.answer, answer))
            again = again.replace(before, after)
        else:
            assert answer == shown.answer, shown.call

    if again != text:
        (ROOT / page).write_text(again, encoding="utf-8", newline="\n")


@every_page
def test_every_shell_command_of_cnncalc_succeeds(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands above markers are run with the markers."""
    monkeypatch.chdir(folder_of(page, tmp_path))
    text = read(page)
    done = {call for block, call in commands_above_markers(text)}

    for block in blocks(text):
        for call in shell_calls(block):
            if call not in done:
                assert run(shlex.split(call, comments=True)) == 0, (call, capsys.readouterr().err)


@every_page
def test_python_runs(page: str) -> None:
    for block in blocks(read(page)):
        if block.language == "python":
            if "cnncalc.mkdocs" in block.text:
                pytest.importorskip("mkdocs", reason="MkDocs is not installed (pip install '.[docs]')")
            exec(compile(block.text, page, "exec"), {"__name__": "page"})  # noqa: S102  # that is what it is for


@every_page
def test_an_architecture_file_without_a_prompt_is_valid(page: str) -> None:
    """Files named by a page are used after prompts, some of them with errors on purpose."""
    text = read(page)
    used = {
        body for name, body in named_files(text).items() if re.search(rf"^\$ cnncalc .*{re.escape(name)}", text, re.M)
    }
    for block in blocks(text):
        if block.language == "yaml" and re.search("^layers:", block.text, re.M) and block.text not in used:
            assert cnncalc.analyze("-", stdin=block.text).totals.activations > 0


# Links


def broken_links(page: str, text: str) -> list[Link]:
    """The links of a page that have no target in this repository."""
    folder = (ROOT / page).parent
    found = []
    for link in links(text):
        target = (folder / link.path).resolve()
        is_there = not link.path or target.is_file()
        if is_there and link.anchor:
            is_there = link.anchor in anchors(target.read_text(encoding="utf-8") if link.path else text)
        if not is_there:
            found.append(link)
    return found


@every_page
def test_links_have_a_page_and_a_heading(page: str) -> None:
    assert broken_links(page, read(page)) == []


def test_a_broken_link_is_detected() -> None:
    text = (
        "# One\n\n[a](#one) [b](#two) [c](none.md) [d](memory.md#profiles) [e](memory.md#x) ![f](pictures/none.svg)\n"
    )

    found = broken_links("docs/x.md", text)

    assert found == [("", "two"), ("none.md", ""), ("memory.md", "x"), ("pictures/none.svg", "")]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("The notes' total", "the-notes-total"),
        ("Frozen, shared, in training only", "frozen-shared-in-training-only"),
        ("`--bars` and a_b", "--bars-and-a_b"),
        ("Twice\n\n# Twice", "twice-1"),
    ],
)
def test_anchors_are_those_of_github(heading: str, anchor: str) -> None:
    assert anchor in anchors(f"# {heading}\n")


def test_every_page_is_reachable_from_the_first() -> None:
    reached, left = set(), [DOCS / "index.md"]
    while left:
        page = left.pop()
        if page in reached:
            continue
        reached.add(page)
        found = links(page.read_text(encoding="utf-8"))
        left += [(page.parent / link.path).resolve() for link in found if link.path.endswith(".md")]

    assert reached == set(DOCS.rglob("*.md"))


# Nothing is left out


def test_every_layer_kind_has_a_heading() -> None:
    without = {kind for kind in KINDS if kind not in anchors(read("docs/layers.md"))}
    assert without == set(), "write <!-- cnncalc: kinds NAME --format markdown --> there and run cnncalc docs"


def test_every_command_has_a_heading_and_every_option_is_shown() -> None:
    text = read("docs/commands.md")

    assert {name for name in COMMANDS if name not in anchors(text)} == set()
    for name in COMMANDS:
        command = find_command(name)
        assert command is not None
        part = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert f"{PROMPT}{name} --help\n" in part
        for option in command.options:
            assert option.flag in part, (name, option.flag)


def test_every_named_net_is_in_the_gallery() -> None:
    text = read("docs/gallery.md")

    assert {name for name in names() if f"(gallery/{name}.md)" not in text} == set()
    assert {page.stem for page in DOCS.glob("gallery/*.md")} == set(names())


@pytest.mark.parametrize("name", names())
def test_a_page_of_the_gallery_is_that_of_its_net(name: str) -> None:
    """It has the title, source and file of the net, and calls only about this net."""
    text = read(f"docs/gallery/{name}.md")
    report = report_of(name)
    calls = [match["call"].split() for match in MARKER.finditer(text)]

    assert text.startswith(f"# {report.title}\n\n`{name}`")
    assert f"| source | {report.source} |" in text
    assert named_files(text) == {f"{name}.yaml": Path(path(name) or "").read_text(encoding="utf-8")}
    assert {call[0] for call in calls} == {"value", "plot", "table"}
    assert {call[1] for call in calls} == {name}


# The site


class Assets(html.parser.HTMLParser):
    """The external resources that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.remote: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        loads = tag in ("script", "img", "iframe", "source") or (
            tag == "link" and values.get("rel") not in ("canonical", "next", "prev")
        )
        for name in ("src", "href"):
            if loads and "//" in (values.get(name) or ""):
                self.remote.append(values[name] or "")


def remote_assets(page: str) -> list[str]:
    """The addresses from which a page loads scripts, styles, pictures."""
    reader = Assets()
    reader.feed(page)
    return reader.remote


def test_the_site_builds_without_warnings_and_loads_nothing_external(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="MkDocs is not installed (pip install '.[docs]')")
    import logging

    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    class Counter(logging.Handler):
        """Collects the warnings of MkDocs."""

        said: list[str] = []  # noqa: RUF012  # one build, one list

        def emit(self, record: logging.LogRecord) -> None:
            self.said.append(record.getMessage())

    counter = Counter(level=logging.WARNING)
    logging.getLogger("mkdocs").addHandler(counter)
    try:
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path)))
    finally:
        logging.getLogger("mkdocs").removeHandler(counter)

    assert counter.said == []
    pages = {str(page.relative_to(tmp_path).with_suffix("")) for page in tmp_path.rglob("*.html")} - {"404"}
    assert pages == {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md")}
    switch = (tmp_path / "js" / "darkmode.js").read_text(encoding="utf-8")
    wanted = set(re.findall(r"getElementById\('([^']+)'\)", switch))  # the switch needs all of them
    assert wanted
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert wanted <= set(re.findall(r'id="([^"]+)"', text)), page
        assert remote_assets(text) == [], page
        prose = re.sub(r"<(pre|code|script)\b.*?</\1>", "", text, flags=re.S)
        assert not re.search(r"\\|!\[|\]\(", prose), f"markup is shown as it is in {page.name}"
    for style in tmp_path.rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_an_external_request_of_the_site_is_detected() -> None:
    page = '<a href="https://example.org">x</a><link rel="canonical" href="https://example.org/"><img src="a.svg">'

    assert remote_assets(page) == []
    assert remote_assets(page + '<script src="//cdn.example.org/x.js"></script>') == ["//cdn.example.org/x.js"]
