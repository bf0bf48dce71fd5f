"""The extension for Sphinx: ``extensions = ["cnncalc.sphinx"]``.

The directive inserts the output of a call into the document; the role inserts one number into a sentence:

    .. cnncalc:: table vgg16 --depth 1

    VGG-16 has :cnncalc:`value vgg16 parameters` parameters.

File names in a call are relative to the document. If such a file changes, the document is read again.
"""

from __future__ import annotations

import hashlib
import os
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from cnncalc import __version__
from cnncalc.cli.calls import CALLABLE, Caller, error_text, named_files, with_format
from cnncalc.documents import SYNTAXES
from cnncalc.documents.picture import words_of as picture_in_words
from cnncalc.documents.scan import words_of
from cnncalc.errors import CnncalcError, ValueProblem, did_you_mean

if TYPE_CHECKING:
    from docutils.nodes import Node, system_message
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

    from cnncalc.cli.calls import CallResult

logger = logging.getLogger(__name__)


class DrawingNode(nodes.General, nodes.Element):
    """A drawing: ``svg`` is its text, ``alt`` its description."""


class CallFailed(CnncalcError):
    """A call failed; the message states the reason."""


def answered(call: str, env: BuildEnvironment, location: Any, format: str = "") -> CallResult:
    """The result of a call in the document that is being read; raises CallFailed."""
    try:
        words = words_of(call)
    except ValueProblem as problem:
        raise CallFailed(problem.message) from None
    if not words or words[0] not in CALLABLE:
        near = did_you_mean(words[0], CALLABLE) if words else ""
        what = f"a document cannot call '{words[0][:60]}'{near}" if words else "no call given"
        raise CallFailed(what if near else f"{what} (known: {', '.join(CALLABLE)})")
    folder = os.path.dirname(env.doc2path(env.docname))
    for path in named_files(words, folder):
        env.note_dependency(path)
    result = Caller().call(with_format(words, format) if format else words, folder)
    if (
        format and isinstance(result.error, ValueProblem) and result.error.code == "usage"
    ):  # the command has a fixed format
        result = Caller().call(words, folder)
    for warning in result.warnings:
        logger.warning("%s: %s", call, warning, location=location, type="cnncalc", subtype="call")
    if result.answer is None:
        raise CallFailed(error_text(result.error or ValueProblem("the call printed nothing")))
    return result


class CallDirective(SphinxDirective):
    """``.. cnncalc:: CALL``: the output of the call, as a table or a picture if it is one."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[Node]:
        """The nodes of the output."""
        try:
            result = answered(self.arguments[0], self.env, self.get_location(), "rst")
        except CallFailed as failed:
            raise self.error(f"cnncalc: {failed}") from None
        answer = result.answer
        assert answer is not None
        svg = result.picture or (answer.text if answer.format == "svg" or answer.text.startswith("<svg") else None)
        if svg is not None:
            return [DrawingNode(svg=svg, alt=picture_in_words(svg))]
        lines = StringList(SYNTAXES["rst"].block(answer, ""), source=self.get_source_info()[0])
        parent = nodes.Element()
        self.state.nested_parse(lines, self.content_offset, parent)
        return parent.children


class ValueRole(SphinxRole):
    """``:cnncalc:`value TARGET KEY```: one line of output in a sentence."""

    def run(self) -> tuple[list[Node], list[system_message]]:
        """The output, or the error message."""
        try:
            answer = answered(self.text, self.env, self.get_location()).answer
            assert answer is not None
            if len(answer.lines) > 1 or answer.format not in ("line", "text"):
                raise CallFailed("the role needs a call that prints one line: use the directive, or 'value TARGET KEY'")
        except CallFailed as failed:
            message = self.inliner.reporter.error(f"cnncalc: {failed}", line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        return [nodes.Text("".join(answer.lines))], []


# Builders


def _as_html(translator: Any, node: DrawingNode) -> None:
    builder = translator.builder
    data = node["svg"].encode()
    name = f"cnncalc-{hashlib.sha256(data).hexdigest()[:16]}.svg"
    folder = os.path.join(builder.outdir, builder.imagedir)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)
    translator.body.append(f'<p><img src="{builder.imgpath}/{name}" alt="{escape(node["alt"])}"></p>\n')
    raise nodes.SkipNode


class ReplaceDrawings(SphinxPostTransform):
    """Replaces drawings by their descriptions in formats without SVG."""

    default_priority = 100
    formats = ("latex", "text", "man", "texinfo")

    def run(self, **kwargs: Any) -> None:
        """Replaces every drawing."""
        for node in list(self.document.findall(DrawingNode)):
            node.replace_self(nodes.paragraph("", "", nodes.emphasis("", node["alt"])))


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directive and the role."""
    app.add_node(DrawingNode, html=(_as_html, None))
    app.add_post_transform(ReplaceDrawings)
    app.add_directive("cnncalc", CallDirective)
    app.add_role("cnncalc", ValueRole())
    # a new version may print other output, so all documents are read again
    app.add_config_value("cnncalc_version", __version__, "env", frozenset({str}))
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}
