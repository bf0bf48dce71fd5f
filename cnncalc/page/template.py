"""The page around its sections: head, styles, script and data.

Its content security policy forbids every request; it allows the styles and the script of the page by their hashes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cnncalc.page.markup import name, text

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = os.path.dirname(os.path.abspath(__file__))

MAX_EXACT = 2**53
"""Integers of this size or larger are written as text, since JavaScript reads numbers as float64."""


def whole_page(
    title: str,
    heading: str,
    contents: Sequence[tuple[str, str]],
    sections: Sequence[str],
    data: Any,
    styles: Sequence[str],
) -> str:
    """The page: ``sections`` are HTML, ``contents`` their keys and titles, ``data`` is read by the script.

    ``styles`` are those of the drawings.
    """
    style = _file("page.css") + "".join(styles)
    script = _file("page.js")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'"
    links = "".join([f'<li><a href="#{key}">{text(label)}</a></li>' for key, label in contents])
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
        '<footer><p>Made with <span translate="no">cnncalc</span>. This page makes no network requests.</p>'
        "</footer>\n"
        f'<script type="application/json" id="data">{as_json(data)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def heading(names: Sequence[str], lines: Sequence[str]) -> str:
    """The title of the page and the lines below it."""
    title = ' <span class="unseen">and</span><span aria-hidden="true">\u2192</span> '.join(map(name, names))
    below = "".join([f'<p class="source" dir="auto">{text(line)}</p>\n' for line in lines])
    return f"<h1>{title}</h1>\n{below}"


def as_json(value: Any) -> str:
    """Data inside the page: nothing in it can end the script element, and all integers stay exact."""
    import json

    written = json.dumps(_exact(value), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _exact(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_exact(part) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= MAX_EXACT:
        return str(value)
    return value


def _file(file: str) -> str:
    with open(os.path.join(FOLDER, file), encoding="utf-8") as stream:
        return stream.read()


def _hash(content: str) -> str:
    """CSP hash of a style or a script."""
    from base64 import b64encode
    from hashlib import sha256

    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
