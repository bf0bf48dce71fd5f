"""LaTeX tables are compiled where a TeX is installed, and the text of the PDF is compared."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

import cnncalc
from cnncalc.formats import write
from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, TexForm
from cnncalc.formats.notation import Notation
from cnncalc.language.catalogue import names
from cnncalc.source import visible
from cnncalc.views.catalogue import nets_document
from cnncalc.views.layer_table import EXACT, table_document
from cnncalc.views.memory import memory_document
from cnncalc.views.notes import notes_document
from tests.nets import report_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PREAMBLE = r"""\documentclass{article}
%s
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage{longtable}
\extrafloats{200}
\begin{document}
"""
OF_PDFLATEX = r"\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{lmodern}"
OF_LUALATEX = r"""\usepackage{fontspec}
\directlua{luaotfload.add_fallback("more", {"Noto Sans CJK JP:mode=harf;", "Noto Sans Hebrew:mode=harf;"})}
\setmainfont{DejaVu Sans}[RawFeature={fallback=more}]
"""
MARK = re.compile(r"^!.*|Missing character.*|Undefined control sequence.*", re.M)


def program(name: str) -> str:
    """The path of a program; without it the test is skipped."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


STYLES = ("booktabs", "graphicx", "longtable")
STYLES_OF = {"pdflatex": ("lmodern",), "lualatex": ("fontspec", "luaotfload")}
FONTS_OF = {"pdflatex": (), "lualatex": ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans Hebrew")}


def need(engine: str) -> None:
    """Skips the test if a TeX package or a font is missing."""
    for style in (*STYLES, *STYLES_OF[engine]):
        found = subprocess.run([program("kpsewhich"), f"{style}.sty"], capture_output=True, timeout=120, check=False)
        if not found.stdout.strip():
            pytest.skip(f"this TeX lacks the package {style}")
    for font in FONTS_OF[engine]:
        found = subprocess.run([program("fc-list"), font], capture_output=True, timeout=120, check=False)
        if not found.stdout.strip():
            pytest.skip(f"the font {font} is not installed")


def compiled(folder: Path, engine: str, preamble: str, parts: list[str]) -> Path:
    """The PDF of a document with these parts; fails with the errors in TeX's log."""
    need(engine)
    file = folder / "tables.tex"
    file.write_text(PREAMBLE % preamble + "\n\\clearpage\n".join(parts) + "\\end{document}\n", encoding="utf-8")
    done = subprocess.run(
        [program(engine), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", file.name],
        cwd=folder,
        capture_output=True,
        timeout=300,
        check=False,
    )
    log = (folder / "tables.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, MARK.findall(log) or log[-2000:]
    assert not MARK.findall(log)
    return folder / "tables.pdf"


def words_of(pdf: Path) -> str:
    """The text of a PDF, its blanks and line breaks folded."""
    text = subprocess.run(
        [program("pdftotext"), "-layout", str(pdf), "-"], capture_output=True, timeout=120, check=True
    ).stdout.decode()
    return " ".join(text.split())


def test_the_tables_of_every_named_net_compile(tmp_path: Path) -> None:
    """The usual table, the notes' one, memory, the list of nets, and an exact one across pages."""
    reports = [report_of(name) for name in names()]
    parts = [write(table_document(report, depth=1), "latex") for report in reports]
    parts += [write(table_document(report), "latex") for report in reports if report.name in ("lenet5", "resnet152")]
    parts.append(write(table_document(report_of("vgg16"), columns=EXACT, notation=Notation("si", "exact")), "latex"))
    parts.append(write(table_document(report_of("vgg16"), bars=True, notation=Notation(ascii_only=True)), "latex"))
    parts.append(write(notes_document(report_of("vgg16")), "latex"))
    parts.append(write(memory_document(cnncalc.account_memory("vgg16", batch=8), timeline=True), "latex"))
    parts.append(write(nets_document(reports), "latex"))

    text = words_of(compiled(tmp_path, "pdflatex", OF_PDFLATEX, parts))

    assert "102,760,448" in text
    assert "7\u00b77\u00b7512\u00b74096" in text
    assert "(3\u00b73\u00b764)\u00b7128" in text
    assert "[224\u00d7224\u00d764]" in text
    for report in reports:
        assert f"{report.totals.parameters:,}" in text, report.name


HOSTILE = [
    "a|b", "a_b", "a & b", "a < b > c", "[red]x[/red]", "[CONV3-64 -> RELU]*2", "*a", "[a]", "\\input{x}", "$x$",
    "100 %", "#1", "~", "^", "{a}", "\"a\" 'b'", "a--b---c", "a,,b", "`a`", "\\end{tabular}", "\u65e5\u672c\u8a9e",
    "\u00fc\u00df\u00e9", "?`!`", "<<>>",
]  # fmt: skip


def test_text_of_users_is_typeset_literally(tmp_path: Path) -> None:
    columns = (Column("a", "what"), Column("b", "count", True), Column("c", "again"))
    rows = tuple([(Cell(text, text), Cell(f"{place}", place), Cell(f"x{text}y")) for place, text in enumerate(HOSTILE)])
    document = Document(("a net", *HOSTILE[:3]), Table(columns, rows), (Paragraph("word", tuple(HOSTILE)),), dict)
    long = document._replace(table=Table(columns, rows * 3))

    text = words_of(
        compiled(tmp_path, "lualatex", OF_LUALATEX, [write(document, "latex"), write(long, "latex")])
    ).replace(" ", "")

    for place, each in enumerate(HOSTILE):
        row = f"{visible(each)}{place}x{visible(each)}y".replace(" ", "")
        assert text.count(row) == 4, each


def test_captions_labels_bare_and_fitted_tables_compile(tmp_path: Path) -> None:
    document = table_document(report_of("lenet5"), depth=1)
    forms = [
        TexForm(caption="100 % of A_1, 32x32", label="tab:a_1"),
        TexForm(label="tab:heading", fit_width=True),
        TexForm(bare=True),
        TexForm(bare=True, fit_width=True),
    ]
    parts = [write(document._replace(tex=form), "latex") for form in forms]

    assert [r"\resizebox" in part for part in parts] == [False, True, False, True]
    assert [r"\begin{table" in part for part in parts] == [True, True, False, False]
    assert [r"\caption" in part for part in parts] == [True, True, False, False]
    assert r"  \caption{100 \% of A\_1, 32$\times$32}\label{tab:a_1}" in parts[0].splitlines()
    text = words_of(compiled(tmp_path, "pdflatex", OF_PDFLATEX, [*parts, r"Tables \ref{tab:a_1}, \ref{tab:heading}"]))
    assert "100 % of A_1, 32\u00d732" in text
