"""HTML: comments as a browser parses them."""

from __future__ import annotations

import pytest

from cnncalc.documents.marker import Answer, Picture
from tests.documents.helpers import filled, live

LIVE = {
    "alone": "<!-- m -->",
    "in a paragraph": "<p>a <!-- m --></p>",
    "in preformatted text": "<pre><code><!-- m --></code></pre>",
    "behind a script": "<script>if (a < b) x = '<!-- q -->'</script><!-- m -->",
    "behind a style with an open comment": "<style><!-- </style><!-- m -->",
    "behind a tag with odd quotes": "<p title=don't><!-- m -->",
    "behind a sign that begins no tag": "a < b <!-- m -->",
    "behind a doctype": "<!DOCTYPE html><!-- m -->",
    "behind an instruction": "<?xml version='1.0'?><!-- m -->",
    "behind a comment that holds nothing": "<!--><!-- m -->",
}
CODE = {
    "in a script": "<script>\n<!-- m -->\n</script>",
    "in a style": "<STYLE type=x><!-- m --></style>",
    "in a text area": "<textarea><!-- m --></textarea >",
    "in the title": "<title><!-- m --></title>",
    "in an attribute": '<p title="<!-- m -->">',
    "in an attribute with blanks around its sign": "<p title = '<!-- m -->'>",
    "in a script that is never closed": "<script><!-- m --></scriptx>",
    "in a tag that is never closed": '<p title="<!-- m -->',
    "in CDATA": "<![CDATA[<!-- m -->]]>",
    "written as text": "&lt;!-- m --&gt;",
    "in another comment": "<!-- a <!-- m -->",
}


@pytest.mark.parametrize("text", LIVE.values(), ids=LIVE)
def test_a_comment_is_found(text: str) -> None:
    assert "m" in live(text, "html")


@pytest.mark.parametrize("text", CODE.values(), ids=CODE)
def test_text_that_is_not_a_comment_is_ignored(text: str) -> None:
    assert "m" not in live(text, "html")


def test_text_is_preformatted_and_keeps_its_spaces() -> None:
    text = "<body>\n  <!-- cnncalc: table a -->\n  <!-- /cnncalc -->\n</body>"

    assert filled(text, Answer("a <b>\n  &c\n"), "html").text == (
        "<body>\n  <!-- cnncalc: table a -->\n  <pre>a &lt;b&gt;\n  &amp;c</pre>\n  <!-- /cnncalc -->\n</body>"
    )


def test_html_is_inserted_unchanged() -> None:
    text = "\t<!-- cnncalc: table a -->\n\t<!-- /cnncalc -->\n"

    assert filled(text, Answer("<table>\n</table>\n", "html"), "html").text == (
        "\t<!-- cnncalc: table a -->\n\t<table>\n\t</table>\n\t<!-- /cnncalc -->\n"
    )
    assert filled(text, Answer("<p>\n<pre>a\n b</pre>\n", "html"), "html").text == (
        "\t<!-- cnncalc: table a -->\n<p>\n<pre>a\n b</pre>\n\t<!-- /cnncalc -->\n"
    )


def test_a_picture_is_an_image_with_a_description() -> None:
    text = "<!-- cnncalc: plot a -->\n<!-- /cnncalc -->\n"

    assert filled(text, Answer("", "svg", Picture("a.svg", 'x "y" <z>')), "html").text == (
        '<!-- cnncalc: plot a -->\n<img src="a.svg" alt="x &quot;y&quot; &lt;z&gt;">\n<!-- /cnncalc -->\n'
    )


def test_words_are_escaped() -> None:
    text = "<p><!-- cnncalc: value a b --><!-- /cnncalc --></p>"

    assert filled(text, Answer("a <!-- /cnncalc --> & b\n", "line"), "html").text == (
        "<p><!-- cnncalc: value a b -->a &lt;!-- /cnncalc --&gt; &amp; b<!-- /cnncalc --></p>"
    )
