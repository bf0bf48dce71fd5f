"""Markdown: which HTML comments are markers and which are code, and how output is inserted."""

from __future__ import annotations

import re
from itertools import product
from random import Random

import pytest
from markdown_it import MarkdownIt

from cnncalc.documents.html import comment_places
from cnncalc.documents.markdown import inline
from cnncalc.documents.marker import Answer, Picture
from tests.documents.helpers import calls, filled, live
from tests.subcases import each

LIVE = {
    "alone": "<!-- m -->",
    "up to three blanks before it": "   <!-- m -->",
    "in a sentence": "a <!-- m --> b",
    "in a heading": "# a <!-- m -->",
    "in a cell": "| a | b |\n|---|---|\n| <!-- m --> | x |",
    "in a cell beside a backtick of another row": "| a` | b |\n|---|---|\n| <!-- m --> ` | x |",
    "in an entry of a list": "- a\n  <!-- m -->",
    "as the content of an entry": "1. <!-- m -->",
    "deep in lists": "- a\n\n  10. b\n\n      > - <!-- m -->",
    "behind a tab": "-\ta\n\n\t<!-- m -->",
    "in a quotation": "> <!-- m -->",
    "in a lazy line of a quotation": "> a\nb <!-- m -->",
    "behind a block of code": "```\nx\n```\n<!-- m -->",
    "behind a quotation with open code": "> ```\n> x\n\n<!-- m -->",
    "behind a list with open code": "- ```\n  x\n\n<!-- m -->",
    "far inside a paragraph": "a\n        <!-- m -->",
    "behind a lone backtick": "a ` b <!-- m -->",
    "behind an escaped backtick": "a \\` b <!-- m --> `",
    "behind three backticks in a sentence": "a ``` b <!-- m --> `` c",
    "in a block of HTML": "<div>\n<p><!-- m --></p>\n</div>",
    "in preformatted HTML": "<pre>\n<!-- m -->\n</pre>",
    "behind tilde and text that is no fence": "~~ a <!-- m -->",
    "on several lines": "<!--\nm\n-->",
    "in an admonition": "!!! note\n\n    <!-- m -->",
    "in a tab of a page": '=== "A"\n\n    <!-- m -->',
    "in a footnote": "[^1]: a\n\n    <!-- m -->",
    "behind a comment that holds nothing": "<!--> <!-- m -->",
}
CODE = {
    "between backticks": "```\n<!-- m -->\n```",
    "between backticks with a language": "```html title=x\n<!-- m -->\n```",
    "between tildes": "~~~\n<!-- m -->\n~~~",
    "between longer fences": "````\n```\n<!-- m -->\n````",
    "between fences of the other kind": "~~~\n```\n<!-- m -->\n```\n~~~",
    "in code that is never closed": "```\n<!-- m -->",
    "in code in a list": "- a\n\n  ```\n  <!-- m -->\n  ```",
    "in code in a quotation": "> ```\n> <!-- m -->\n> ```",
    "indented": "a\n\n    <!-- m -->",
    "indented by a tab": "\t<!-- m -->",
    "indented in a list": "- a\n\n      <!-- m -->",
    "behind five blanks of an entry": "-     <!-- m -->",
    "between backticks in a sentence": "a `<!-- m -->` b",
    "between two backticks": "a ``<!-- ` m -->`` b",
    "between backticks over lines": "a `b\nc <!-- m --> d` e",
    "escaped": "\\<!-- m -->",
    "in an attribute": 'a <b title="<!-- m -->">',
    "in a script": "<script>\n<!-- m -->\n</script>",
    "in a style behind a blank line": "<style>\n\n<!-- m -->\n</style>",
    "in a text area": "<textarea>\n<!-- m -->\n</textarea>",
    "never closed": "a <!-- m",
    "closed in another paragraph": "a <!-- m\n\n-->",
    "in CDATA": "<![CDATA[ <!-- m --> ]]>",
}


@pytest.mark.parametrize("text", LIVE.values(), ids=LIVE)
def test_a_comment_is_found(text: str) -> None:
    assert "m" in live(text, "markdown")


@pytest.mark.parametrize("text", CODE.values(), ids=CODE)
def test_code_is_not_changed(text: str) -> None:
    assert "m" not in live(text, "markdown")


@each("text,newline", product([*LIVE.values(), *CODE.values()], ["\r\n", "\r"]))
def test_other_line_breaks_are_read(text: str, newline: str) -> None:
    assert len(live(text.replace("\n", newline), "markdown")) == len(live(text, "markdown"))


PIECES = (
    "\n", "\n", "\n\n", " ", "  ", "    ", "\t", "> ", ">", "- ", "* ", "1. ", "2) ", "10. ", "-\t", "-     ", "```",
    "````", "~~~", "~~~~ x", "`", "``", "text", "a b", "\\", "<b>", "</b>", "<div>", "<pre>", "</pre>", "<script>",
    "</script>", "<!--", "-->", "<!-- a", "# ", "---", "===", "\n\n| a | b |\n|---|---|\n| ", '<a href="', '">',
    "<http://x.y>", "<!X", "*", "[x](", "&lt;", "<!-->", "<!--->",
)  # fmt: skip


def live_in_markdown_it(text: str) -> set[str]:
    """The comments that another implementation of CommonMark passes through as HTML."""
    found: set[str] = set()
    tokens = list(MarkdownIt("commonmark", {"html": True}).enable("table").parse(text))
    while tokens:
        token = tokens.pop()
        tokens += token.children or []
        if token.type in ("html_block", "html_inline"):
            places = comment_places(token.content)
            found |= {token.content[start + 4 : end - 3].strip() for start, end in places}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_documents_are_read_as_by_markdown_it(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    both = 0
    for _ in range(1000):
        count, parts = 0, []
        for _ in range(random.randint(2, 22)):
            count += 1
            parts.append(f"<!-- m{count} -->" if random.random() < 0.25 else random.choice(PIECES))
        text = "".join(parts)
        if "--->" in text:  # the end of a comment by the specification, which the other one passes over
            continue

        mine, others = set(live(text, "markdown")), live_in_markdown_it(text)

        marks = {f"m{number}" for number in range(count + 1)}
        assert mine & marks == others & marks, text
        both += bool(mine & marks) and "`" in text
    assert both > 100


# Bodies


TABLE = Answer("| a |\n| --- |\n| 1 |\n", "markdown")


def test_a_markdown_table_is_between_blank_lines() -> None:
    text = "x\n<!-- cnncalc: table a -->\nold\n<!-- /cnncalc -->\ny"

    assert filled(text, TABLE).text == ("x\n<!-- cnncalc: table a -->\n\n| a |\n| --- |\n| 1 |\n\n<!-- /cnncalc -->\ny")


def test_other_formats_are_fenced_with_a_longer_fence_than_any_inside() -> None:
    text = "<!-- cnncalc: table a -->\n<!-- /cnncalc -->\n"

    assert filled(text, Answer("a\n\nb\n")).text == (
        "<!-- cnncalc: table a -->\n```text\na\n\nb\n```\n<!-- /cnncalc -->\n"
    )
    assert filled(text, Answer("a ```` b\n", "csv")).text == (
        "<!-- cnncalc: table a -->\n`````csv\na ```` b\n`````\n<!-- /cnncalc -->\n"
    )


def test_a_body_is_indented_as_its_marker() -> None:
    entry = "- a\n\n  <!-- cnncalc: table a -->\n  <!-- /cnncalc -->\n\n"
    quotation = "> 1. <!-- cnncalc: table b -->\n>    <!-- /cnncalc -->\n"

    assert filled(entry + quotation, Answer("x\n\ny\n")).text == (
        "- a\n\n  <!-- cnncalc: table a -->\n  ```text\n  x\n\n  y\n  ```\n  <!-- /cnncalc -->\n\n"
        "> 1. <!-- cnncalc: table b -->\n>    ```text\n>    x\n>\n>    y\n>    ```\n>    <!-- /cnncalc -->\n"
    )


def test_a_picture_is_linked() -> None:
    text = "<!-- cnncalc: plot a -->\n<!-- /cnncalc -->\n"
    picture = Picture("pictures/a b.svg", "A net: *x*, [y]")

    assert filled(text, Answer("", "svg", picture)).text == (
        "<!-- cnncalc: plot a -->\n![A net: &#42;x&#42;, &#91;y&#93;](<pictures/a b.svg>)\n<!-- /cnncalc -->\n"
    )


def test_the_description_of_a_picture_is_escaped() -> None:
    words = "[32x32x1] *x* ] [ `y` <z> & ![a](b) \\"
    text = "<!-- cnncalc: plot a -->\n<!-- /cnncalc -->\n"

    done = filled(text, Answer("", "svg", Picture("a.svg", words)))

    (image,) = [
        child
        for token in MarkdownIt("commonmark", {"html": True}).parse(done.text)
        for child in token.children or []
        if child.type == "image"
    ]
    assert image.attrs["src"] == "a.svg"
    assert "".join(part.content for part in image.children or []) == words


def test_several_numbers_in_a_line() -> None:
    text = "| <!-- cnncalc: value a b --><!-- /cnncalc --> | <!--cnncalc:value c d-->x<!--/cnncalc--> |\n"

    assert calls(text) == ["value a b", "value c d"]
    assert filled(text, Answer("138.4M\n", "line")).text == (
        "| <!-- cnncalc: value a b -->138.4M<!-- /cnncalc --> | <!--cnncalc:value c d-->138.4M<!--/cnncalc--> |\n"
    )


@pytest.mark.parametrize(
    "words",
    ["a *b* _c_ `d` [e](f) <g> &amp; h\\i | ~~j~~ $k$", "<!-- /cnncalc -->", "# x", "1. x", "- x", "+ x", "1) x", "=="],
)
def test_inline_text_is_escaped(words: str) -> None:
    """In a sentence, on a line of their own, and in an HTML block, where Markdown has no escapes."""
    marks = ("<!-- cnncalc: value a title -->", "<!-- /cnncalc -->")
    places = [f"so {marks[0]}{marks[1]} is\n", f"{marks[0]}\n{marks[1]}\n", f"<p>{marks[0]}{marks[1]}</p>\n"]

    for text in places:
        done = filled(text, Answer(words + "\n", "line"))
        shown = MarkdownIt("commonmark", {"html": True}).render(done.text)
        assert re.sub(r"&(?:lt|gt|amp|quot|#[0-9]+);", unescaped, re.sub(r"<[^>]*>", "", shown)).strip() in (
            words, f"so {words} is",
        )  # fmt: skip


def unescaped(found: re.Match[str]) -> str:
    import html

    return html.unescape(found[0])


@pytest.mark.parametrize("volume", ["[16000x1]", "[224x224x3]", "[16x112x112x3]"])
def test_a_volume_keeps_its_brackets(volume: str) -> None:
    assert inline(volume) == volume
