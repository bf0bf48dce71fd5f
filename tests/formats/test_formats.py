"""Every format, read back by an independent parser: the cells are unchanged."""

from __future__ import annotations

import csv
import io
import re
import warnings
from itertools import product
from typing import TYPE_CHECKING, Any

import docutils.core
import docutils.nodes
import html5lib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cnncalc.formats import FORMATS, write
from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table
from cnncalc.source import visible
from cnncalc.views.layer_table import EXACT, table_document
from tests.nets import FEW, report_of
from tests.random_nets import examples
from tests.subcases import each

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

HOSTILE = [
    "a|b", "a_b_", "_a", "a & b", "a < b > c", "<b>bold</b>", "[red]x[/red]", "[CONV3-64 -> RELU]*2", "*", "**a**",
    "`a`", "``a``", "\\", "\\a", "a\\", "$x$", "100 %", "#1", "~", "^", "{a}", "\"a\" 'b'", "a--b---c", ",,", "a,b",
    "::", "a::", ":a: b", "a: b", "- a", "+ a", "* a", "1. a", "(1) a", "a) b", "#. a", ".. a", ".. a::", "__ a",
    "a__", "|a|", ">>> a", "====", "----", "+--+", "-a", "--all", "/V", "http://a.b/c_", "a@b.c", "mailto:a",
    "www.a.b", "&amp;", "&#65;", "<!-- a -->", "]]>", "\u65e5\u672c\u8a9e", "\u05e9\u05dc\u05d5\u05dd (1)",
    "\u00fc\u00df\u00e9", "x\ty", "x\ny", "\x1b[31m", "i. a", "A. a", "a b  c", "=1+1", "'", "\u2028", "(a)", "*a",
    "a*b*c", "(a*b)*c", "a_", "1", "\U0001f600", "rm -rf *", "C:\\x", "\\input{x}", "\\end{tabular}", "%", "e.g.",
    "I. x", "[a]_", "[1]", "`a <b>`_", ".", "-", "\u2022 a", "", " ", "[", "(", "[[", "((x",
]  # fmt: skip
"""What means something in one format or another."""


def document_of(*texts: str) -> Document:
    """A document with the texts in every place for text."""
    columns = (Column("a", "what"), Column("b", "count", True), Column("c", "again"))
    rows = tuple([(Cell(text, text), Cell(f"{place:,}", place), Cell(text, text)) for place, text in enumerate(texts)])
    return Document(("a net", *texts), Table(columns, rows), (Paragraph("word", texts), Paragraph("", texts)), dict)


def shown(text: str) -> str:
    """A text as every format shows it: control characters as escapes, blanks at its ends and in rows not kept."""
    return re.sub(" +", " ", visible(text).strip())


Read = tuple[list[str], list[str], list[list[str]], list[str]]
"""What a parser finds: the heading, the titles of the columns, the rows, and the lines below."""


def read_html(text: str) -> Read:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    root: Element = parser.parseFragment(text, container="body")

    def words(node: Element) -> str:
        return re.sub(" +", " ", "".join(node.itertext())).strip()

    (caption,) = root.iter("caption")
    heading = [words(part) for part in caption.iter("bdi")]
    (head,) = root.iter("thead")
    (body,) = root.iter("tbody")
    rows = [[words(cell) for cell in row] for row in body]
    return heading, [words(cell) for cell in head[0]], rows, [words(cell) for cell in root.iter("dd")]


def read_rst(text: str) -> Read:
    settings = {"report_level": 2, "halt_level": 2, "file_insertion_enabled": False, "raw_enabled": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree: Any = docutils.core.publish_doctree(text, settings_overrides=settings)
    allowed = {
        *("document", "table", "title", "tgroup", "colspec", "thead", "tbody", "row", "entry", "paragraph", "strong"),
        *("bullet_list", "list_item", "#text", "literal_block", "comment"),
    }
    assert {node.tagname for node in tree.findall()} <= allowed, text

    def words(node: Any) -> str:
        return re.sub(" +", " ", node.astext()).strip()

    (table,) = tree.findall(docutils.nodes.table)
    heading = [words(table.next_node(docutils.nodes.title))]
    heading += [words(node) for node in tree.children if isinstance(node, docutils.nodes.paragraph)]
    rows = [[words(entry) for entry in row.children] for row in table.findall(docutils.nodes.row)]
    below = [words(item) for item in tree.findall(docutils.nodes.list_item)]
    return heading, rows[0], rows[1:], below


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read_markdown(text: str) -> Read:
    heading: list[str] = []
    rows: list[list[str]] = []
    below: list[str] = []
    place: list[str] = []
    for token in MARKDOWN.parse(text):
        if token.nesting == 1:
            place.append(token.type)
            if token.type == "tr_open":
                rows.append([])
        elif token.nesting == -1:
            place.pop()
        else:
            assert token.type == "inline", token
            children = token.children or []
            assert {child.type for child in children} <= {"text", "strong_open", "strong_close"}, token.content
            words = re.sub(" +", " ", "".join(child.content for child in children))
            if place[-1] in ("td_open", "th_open"):
                rows[-1].append(words)
            elif "list_item_open" in place:
                below.append(words)
            else:
                heading.append(words)
    return heading, rows[0], rows[1:], below


UNESCAPED = {
    r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless\/": "<",
    r"\textgreater\/": ">", r"\textbar{}": "|", r"\textquotedbl{}": '"', r"\textquotesingle{}": "'",
    r"\textasciigrave{}": "`", r"\{": "{", r"\}": "}", r"\$": "$", r"\&": "&", r"\#": "#", r"\_": "_", r"\%": "%",
    r"-\/": "-", r",\/": ",",
}  # fmt: skip
TOKEN = re.compile("|".join(map(re.escape, sorted(UNESCAPED, key=len, reverse=True))) + r"|[^\\{}$&#_%~^<>|\"'`]")


def plain_latex(text: str) -> str:
    """The text that LaTeX typesets for a source of letters and escapes only."""
    text = text.replace(r"$\times$", "x").replace(r"$\cdot$", "*")
    assert re.fullmatch(f"(?:{TOKEN.pattern})*", text), text
    assert "--" not in text
    return re.sub(" +", " ", TOKEN.sub(lambda found: UNESCAPED.get(found[0], found[0]), text)).strip()


def read_latex(text: str) -> Read:
    lines = [line.strip() for line in text.splitlines() if not line.startswith("%")]
    caption = next(line for line in lines if line.startswith(r"\caption{"))
    start, middle, end = (lines.index(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    rows = []
    for line in lines[start + 1 : middle] + lines[middle + 1 : end]:
        assert line.endswith(r" \\"), line
        assert not line.startswith(("[", "*")), line
        cells = re.split(r"(?<!\\)&", line.removesuffix(r" \\").removeprefix("{}"))
        rows.append([plain_latex(cell) for cell in cells])
    below: list[str] = []
    for line in lines[end:]:
        found = re.fullmatch(r"\\par\\smallskip\{\\scriptsize\\raggedright (?:\\textbf\{.*?\} )?(.*)\\par\}", line)
        below += [plain_latex(part) for part in found[1].split(r"\newline ")] if found else []
    heading = [plain_latex(caption.removeprefix(r"\caption{").removesuffix("}"))]
    return heading, rows[0], rows[1:], below


READERS: dict[str, Callable[[str], Read]] = {
    "html": read_html, "rst": read_rst, "markdown": read_markdown, "latex": read_latex,
}  # fmt: skip
"""A parser for each format of documents, which need not read more than the writer writes, but any text in it."""


@pytest.mark.slow
@each("form,text", list(product(READERS, HOSTILE)), ids=ascii, by=lambda case: case[0])
def test_special_characters_are_typeset_literally(form: str, text: str) -> None:
    assert_read_back(form, text)


def assert_read_back(form: str, text: str) -> None:
    """Cells, captions and lines of a document that has the text everywhere."""
    heading, titles, rows, below = READERS[form](write(document_of(text, "one", "two"), form))

    words = shown(text)
    assert titles == ["what", "count", "again"]
    assert rows == [[words, "0", words], ["one", "1", "one"], ["two", "2", "two"]]
    assert below == [line for line in (words, "one", "two") if line] * 2
    if form == "latex":
        sentences = [line if line.endswith(".") else line + "." for line in ("a net", words, "one", "two") if line]
        assert heading == [" ".join(sentences)]
    else:
        assert [line for line in heading if line != "word"] == [line for line in ("a net", words, "one", "two") if line]


@pytest.mark.slow
@pytest.mark.parametrize("form", READERS)
@examples(100)
@given(text=st.text("abx1 |\\`*_[]()<>#+-.!~$&;:\"'=%{}^@/,\u65e5\u05d0", max_size=10).filter(str.strip))
@example(text=" [")
def test_any_text_is_typeset_literally(form: str, text: str) -> None:
    assert_read_back(form, text)


@pytest.mark.parametrize(("form", "mark"), [("csv", ","), ("tsv", "\t")])
@examples(100)
@given(texts=st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_values_are_inserted_literally(form: str, mark: str, texts: list[str]) -> None:
    text = write(document_of(*texts), form)

    if form == "csv":
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
    else:
        rows = [line.split(mark) for line in text.removesuffix("\n").split("\n")]

    assert rows == [["a", "b", "c"], *[[visible(t), str(place), visible(t)] for place, t in enumerate(texts)]]


@pytest.mark.parametrize("form", READERS)
def test_a_drawing_keeps_its_blanks(form: str) -> None:
    drawing = ("  | ##", "", "  +---", "`````", "</pre> & \\end{verbatim}")
    text = write(document_of("x")._replace(closing=(Paragraph("drawn", drawing, verbatim=True),)), form)

    if form == "html":
        root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parseFragment(text)
        (block,) = root.iter("pre")
        assert [line.rstrip() for line in "".join(block.itertext()).split("\n")] == list(drawing)
        assert "\n\n" not in text
    elif form == "rst":
        (node,) = docutils.core.publish_doctree(text).findall(docutils.nodes.literal_block)
        assert node.astext().split("\n") == list(drawing)
    elif form == "markdown":
        (fence,) = [token for token in MARKDOWN.parse(text) if token.type == "fence"]
        assert fence.content.splitlines() == list(drawing)
    elif form == "latex":
        begin, end = r"{\tiny\begin{verbatim}", r"\end{verbatim}}"
        body = text[text.index(begin) + len(begin) : text.index(end)]
        assert body.strip("\n").splitlines() == [*drawing[:4], r"</pre> & \end {verbatim}"]
    else:
        pytest.fail(f"say here how a verbatim paragraph is read back from {form}")


# Numbers of the named nets


def cells_of(form: str, name: str) -> list[list[str]]:
    report = report_of(name)
    return READERS[form](write(table_document(report, columns=EXACT, depth=None), form))[2]


@pytest.mark.parametrize("form", ["html", "rst", "markdown"])
@pytest.mark.parametrize(
    "name",
    ["lenet5", "vgg16", *(pytest.param(net, marks=pytest.mark.slow) for net in ("googlenet-aux", "mobilenet-v2"))],
)
def test_the_numbers_of_a_table_are_read_back(form: str, name: str) -> None:
    """Parameters, trainable parameters and multiply-adds of every row, and their sums."""
    report = report_of(name)

    rows = cells_of(form, name)

    assert [row[0] for row in rows] == [layer.name for layer in report.layers]
    for key in ("parameters", "trainable"):
        column = [int(row[EXACT.index(key)].replace(",", "")) for row in rows]
        assert column == [getattr(layer, key) for layer in report.layers]
        assert sum(column) == getattr(report.totals, key)


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW)
def test_html_holds_the_exact_values(name: str) -> None:
    report = report_of(name)
    text = write(table_document(report), "html")
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parseFragment(text)
    (body,) = root.iter("tbody")

    macs = [int(row[7].get("data-value")) for row in body]

    assert macs == [layer.macs for layer in report.layers]


def test_every_format_is_tested() -> None:
    assert {name for name, each in FORMATS.items() if each.writer} == {*READERS, "text", "rich", "json", "csv", "tsv"}
