"""The hook for MkDocs, in sites that are built."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnncalc
from tests.calls import environment

pytestmark = pytest.mark.slow

pytest.importorskip("mkdocs", reason="MkDocs is not installed: the hook is not built")

CONF = "site_name: nets\nhooks: [{}]\n"
HOOK = "from cnncalc.mkdocs import on_page_markdown\n"
INDEX = """\
---
title: Nets
---
# Nets

VGG-16 has <!-- cnncalc: value vgg16 parameters -->?<!-- /cnncalc --> parameters.
Ours is <!-- cnncalc: value inside/own.yaml title -->?<!-- /cnncalc -->, `<!-- cnncalc: value x -->`.

<!-- cnncalc: table lenet5 --columns layer,weights --format markdown -->
<!-- /cnncalc -->

<!-- cnncalc: table lenet5 --columns layer,weights -->
<!-- /cnncalc -->
"""
OWN = """\
# Our own

<!-- cnncalc: value own.yaml parameters -->
<!-- /cnncalc -->

<!-- cnncalc: plot own.yaml --output pictures/own.svg -->
<!-- /cnncalc -->
"""
NET = 'name: own\ntitle: "*a* _b_ `c` [d](e) <f> & | <!-- /cnncalc -->"\nlayers: INPUT 8x8x3 -> FC-2\n'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of two pages and a design."""
    files = {
        "mkdocs.yml": CONF.format("hook.py"),
        "hook.py": HOOK,
        "docs/index.md": INDEX,
        "docs/inside/page.md": OWN,
        "docs/inside/own.yaml": NET,
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def build(site: Path) -> tuple[int, str]:
    """Exit code and errors of a strict build."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"],
        cwd=site, capture_output=True, text=True, env=environment(), timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize("hook", ["hook.py", str(Path(cnncalc.__file__).with_name("mkdocs.py"))])
def test_a_site_is_built_with_updated_numbers(site: Path, hook: str) -> None:
    (site / "mkdocs.yml").write_text(CONF.format(hook), encoding="utf-8")

    assert build(site) == (0, "")
    page = (site / "site/index.html").read_text(encoding="utf-8")
    words = re.sub(r"<!--.*?-->", "", page)
    assert "VGG-16 has 138.4M parameters." in words
    assert (
        "Ours is &#42;a&#42; &#95;b&#95; &#96;c&#96; &#91;d&#93;(e) &lt;f&gt; &amp; &#124; &lt;!-- /cnncalc --&gt;,"
        in words
    )
    assert "<code>&lt;!-- cnncalc: value x --&gt;</code>" in page
    assert "<td>c1</td>\n<td>(5*5*1)*6 = 150</td>" in page
    assert 'class="language-text">' in page
    own = (site / "site/inside/page/index.html").read_text(encoding="utf-8")
    assert "<p>386</p>" in own
    assert re.search(r'<img alt="Three bar charts [^"]*" src="\.\./pictures/own\.svg" />', own)
    assert (site / "site/inside/pictures/own.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_sources_are_not_written(site: Path) -> None:
    before = {path: path.read_bytes() for path in (site / "docs").rglob("*") if path.is_file()}

    assert build(site)[0] == 0
    assert {path: path.read_bytes() for path in (site / "docs").rglob("*") if path.is_file()} == before


def test_an_existing_picture_is_updated(site: Path) -> None:
    (site / "docs/inside/pictures").mkdir()
    (site / "docs/inside/pictures/own.svg").write_text("<svg>of old</svg>", encoding="utf-8")

    assert build(site) == (0, "")
    assert "of old" not in (site / "site/inside/pictures/own.svg").read_text(encoding="utf-8")


def test_an_error_ends_the_build_with_its_position(site: Path) -> None:
    (site / "docs/index.md").write_text(INDEX.replace("value vgg16 p", "value vgg16 q"), encoding="utf-8")

    code, errors = build(site)

    assert code != 0
    assert (
        "index.md:6:26: error[unknown-key]: a net has no 'qarameters'; did you mean 'parameters'?\n"
        "  |\n"
        "6 | VGG-16 has <!-- cnncalc: value vgg16 qarameters -->?<!-- /cnncalc --> parameters.\n"
        "  |                          ^^^^^^^^^^^^^^^^^^^^^^\n"
    ) in errors
