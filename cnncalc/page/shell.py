"""The page around its sections: head, style, program, data; and the promise that it loads nothing.

The policy of the page forbids every request; of styles and programs it lets those in whose sum it names.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cnncalc.page.markup import name, text

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = os.path.dirname(os.path.abspath(__file__))


def whole(
    title: str, heading: str, nav: Sequence[tuple[str, str]], sections: Sequence[str], data: Any, styles: Sequence[str]
) -> str:
    """The page: ``sections`` are HTML, ``nav`` their keys and titles, ``data`` what the program of the page reads.

    ``styles`` are those of the drawings.
    """
    style = _file("page.css") + "".join(styles)
    program = _file("page.js")
    policy = f"default-src 'none'; style-src {_sum(style)}; script-src {_sum(program)}; base-uri 'none'"
    links = "".join([f'<li><a href="#{key}">{text(label)}</a></li>' for key, label in nav])
    body = "\n".join(sections)
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">Skip to the report</a>\n'
        f'<header class="top">\n<div class="bar">\n<p class="mark" translate="no">cnncalc</p>\n'
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n'
        '<button type="button" id="theme" hidden>Dark</button>\n</div>\n</header>\n'
        f'<main id="main" tabindex="-1">\n{heading}\n{body}\n</main>\n'
        '<footer><p>Made with <span translate="no">cnncalc</span>. This page loads nothing and sends nothing.</p>'
        "</footer>\n"
        f'<script type="application/json" id="data">{as_json(data)}</script>\n'
        f"<script>{program}</script>\n</body>\n</html>\n"
    )


def heading(names: Sequence[str], lines: Sequence[str]) -> str:
    """The title of the page and what stands right below it."""
    title = ' <span class="unseen">and</span><span aria-hidden="true">\u2192</span> '.join(map(name, names))
    below = "".join([f'<p class="source" dir="auto">{text(line)}</p>\n' for line in lines])
    return f"<h1>{title}</h1>\n{below}"


MOST_EXACT = 2**53
"""Whole numbers from here on are written as text, since programs of pages read numbers with a point."""


def as_json(value: Any) -> str:
    """Data that stand inside the page: nothing in them ends the script or a line of it; all numbers stay exact."""
    import json

    written = json.dumps(_exact(value), ensure_ascii=False, separators=(",", ":"))
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        written = written.replace(character, escape)
    return written.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _exact(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_exact(part) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= MOST_EXACT:
        return str(value)
    return value


def _file(file: str) -> str:
    with open(os.path.join(FOLDER, file), encoding="utf-8") as stream:
        return stream.read()


def _sum(content: str) -> str:
    """The sum by which a policy knows a style or a program."""
    from base64 import b64encode
    from hashlib import sha256

    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
