"""The document of ``formula``: figures of a net and its layers as polynomials; the formulas as Python and LaTeX."""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, word
from cnncalc.formats.latex import escaped
from cnncalc.search.designs import VOLUME_KEYS
from cnncalc.search.formula import text_of
from cnncalc.search.polynomial import Polynomial
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.search.formula import Case, Condition, FormulaReport, KeyFormulas

ALWAYS = "all values"
NO_FIGURE = "-"


def formula_document(report: FormulaReport, *, by_layer: bool = True, depth: int | None = None) -> Document:
    """The formulas of a net; with ``by_layer`` also of its layers, or of its blocks at nesting level ``depth``."""
    columns = (Column("key", "figure"), Column("formula", "formula", last=True), Column("holds_for", "holds for"))
    totals = Table(columns, tuple(_total_rows(report)))
    layers = _layer_table(report, depth) if by_layer else None
    heading = [f"{report.architecture}: formulas in {', '.join(report.own) or 'no variable'}"]
    heading += _values(report)
    document = Document(tuple(heading), totals, _closing(report, layers), lambda: _data(report))
    return document if layers is None else document._replace(summary=totals, table=layers)


def _values(report: FormulaReport) -> list[str]:
    """The values of the variables in the design."""
    own = ", ".join([f"{name}={text_of(value)}" for name, value in report.own.items()])
    chosen = ", ".join([f"{name}={value}" for name, value in report.chosen.items()])
    lines = [f"values of the design: {own}"] if own else []
    return [*lines, f"without a value in the design, chosen: {chosen}"] if chosen else lines


def _total_rows(report: FormulaReport) -> Iterable[tuple[Cell, ...]]:
    for key in report.keys:
        if not key.cases:
            yield word(key.key), word(_no_polynomial(key)), word("")
        same = len(key.cases) == key.case_count and len({(str(case.total), case.has_limits) for case in key.cases}) == 1
        for case in key.cases[:1] if same and not key.cases[0].has_limits else key.cases:
            title = _title(key)
            total = case.total
            yield (
                word(title),
                word(NO_FIGURE) if total is None else _formula(total),
                word(ALWAYS) if same and not case.has_limits else _condition(case),
            )


def _no_polynomial(key: KeyFormulas) -> str:
    """Why a key has no formulas."""
    return key.why if key.why.startswith("no polynomial") else f"no polynomial: {key.why}"


def _title(key: KeyFormulas) -> str:
    """The key, with the unit of bytes."""
    return f"{key.key} in bytes" if key.unit == "bytes" else key.key


def _formula(polynomials: Sequence[Polynomial]) -> Cell:
    """A cell with a formula, or with one for each side: ``[H/2 x W/2 x w]``."""
    if len(polynomials) == 1:
        text, tex = polynomials[0].text(), f"${polynomials[0].latex()}$"
    else:
        text = f"[{' x '.join([each.text() for each in polynomials])}]"
        tex = "$[" + r" \times ".join([each.latex() for each in polynomials]) + "]$"
    return Cell(text, text, tex=tex)


def _condition(case: Case) -> Cell:
    """A cell with all conditions of a case."""
    tex = ", ".join([f"${tex}$" for condition in case.conditions for tex in _condition_parts(condition)])
    return Cell(case.condition or ALWAYS, case.condition or ALWAYS, tex=tex or ALWAYS)


def _condition_parts(condition: Condition) -> list[str]:
    """The texts of a condition, such as ``H % 32 == 0`` and ``H >= 32``, as LaTeX."""
    name = Polynomial.of((condition.name,), {(1,): 1}).latex()
    signs = ((" % ", r" \bmod "), ("==", "="), (">=", r"\ge"), ("<=", r"\le"))
    found = []
    for text in condition.texts:
        rest = text[len(condition.name) :]
        for plain, tex in signs:
            rest = rest.replace(plain, tex)
        found.append(name + rest)
    return found


# by layer


def _layer_table(report: FormulaReport, depth: int | None) -> Table | None:
    """One row for each layer or block, one column for each key that has formulas of layers; None if no key has."""
    keys = [key for key in report.keys if _of_layers(key, depth)]
    if not keys:
        return None
    columns = [Column("layer", "layer"), Column("kind", "kind"), *[Column(key.key, _title(key)) for key in keys]]
    rows = []
    for name, kind, places in _blocks(report, depth):
        cells = []
        for key in keys:
            each = [key.cases[0].layers[place] for place in places]
            known = [one for one in each if one is not None]
            cells.append(_formula(known[0] if len(each) == 1 else _sum(known)) if known else word(NO_FIGURE))
        rows.append((word(name), word(kind), *cells))
    total = [key.cases[0].total for key in keys]
    rows.append((word("total"), word(""), *[word(NO_FIGURE) if each is None else _formula(each) for each in total]))
    return Table(tuple(columns), tuple(rows))


def _of_layers(key: KeyFormulas, depth: int | None) -> bool:
    """Whether a key has formulas of layers or, with a ``depth``, of blocks (volumes have none: they are not summed)."""
    if depth is not None and key.key in VOLUME_KEYS:
        return False
    return bool(key.cases) and any(each is not None for each in key.cases[0].layers)


def _blocks(report: FormulaReport, depth: int | None) -> list[tuple[str, str, list[int]]]:
    """The name, the kind and the indices of the layers of each row."""
    found: dict[str, tuple[str, list[int]]] = {}
    for place, (name, kind) in enumerate(report.layers):
        parts = name.split(".")
        inside = depth is not None and len(parts) > depth
        block = ".".join(parts[:depth]) if inside else name
        found.setdefault(block, ("" if inside else kind, []))[1].append(place)
    return [(name, kind or plural(len(places), "layer"), places) for name, (kind, places) in found.items()]


def _sum(parts: Sequence[Sequence[Polynomial]]) -> list[Polynomial]:
    total = parts[0][0]
    for each in parts[1:]:
        total = total.plus(each[0])
    return [total]


# the lines below


def _closing(report: FormulaReport, layers: Table | None) -> tuple[Paragraph, ...]:
    """The lines below the tables; paragraphs without lines are left out."""
    found = [key for key in report.keys if key.cases]
    kept = [
        (key.key, f"{name} stays {text_of(report.fixed[name])}: {why}")
        for key in report.keys
        for name, why in key.left_out
    ]
    notes = [f"{key.key}: {key.note}" for key in found if key.note]
    notes += [f"{key.key}: none of layers, since {key.why_no_layers}" for key in found if key.why_no_layers]
    several = [key.key for key in found if len(key.cases) > 1] if layers is not None else []
    paragraphs = (
        Paragraph("checked", _with_keys([(key.key, _checked(key)) for key in found]), main=1),
        Paragraph("residues", _with_keys(_residues(report, found)), main=1),
        Paragraph("not varied", _with_keys(kept), main=1),
        Paragraph("notes", tuple(notes), main=1),
        Paragraph("layers", (f"only for the first case: {', '.join(several)}",) if several else ()),
        Paragraph("conventions", tuple(_conventions(report))),
    )
    return tuple([each for each in paragraphs if each.lines])


def _checked(key: KeyFormulas) -> str:
    """How the formulas of a key were found and compared."""
    case = key.cases[0]
    limits = zip(key.names, case.ranges, strict=True)
    ranges = ", ".join([f"{name} {text_of(low)}..{text_of(high)}" for name, (low, high) in limits])
    among = f" ({ranges})" if ranges else ""
    return f"found from {plural(case.points, 'design')}, compared with {case.checked} others{among}"


def _residues(report: FormulaReport, keys: Sequence[KeyFormulas]) -> Iterable[tuple[str, str]]:
    """Each key of which only one of many cases is given, and which one that is."""
    which = "the one of --at" if report.at else "that of the design"
    for key in keys:
        if len(key.cases) == 1 < key.case_count:
            example = _example(key.cases[0])
            yield key.key, f'one of {key.case_count:,} cases, {which}; --at "{example}" chooses another'


def _with_keys(lines: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Each line once, with the keys that it is about: ``parameters, macs: ..``."""
    keys: dict[str, list[str]] = {}
    for key, line in lines:
        keys.setdefault(line, []).append(key)
    return tuple([f"{', '.join(each)}: {line}" for line, each in keys.items()])


def _example(case: Case) -> str:
    """An example for ``--at``: another residue of the first variable that has several."""
    stepped = [each for each in case.conditions if each.is_stepped]
    if not stepped:
        return ""
    first = stepped[0]
    other = (first.residue + 1) % first.step
    return f"{first.name} % {text_of(first.step)} == {text_of(other)}"


def _conventions(report: FormulaReport) -> Iterable[str]:
    yield "counts are for one image; 1 MAC is one multiply and one add; '%' is the remainder, '^' the power"
    if any(key.key in ("activations", "activation_memory") for key in report.keys):
        yield "in-place layers have no activations of their own"
    if any(key.unit == "bytes" for key in report.keys):
        batch = "" if "batch" in report.own else f", batch {report.options.batch}"
        yield f"bytes are those of {report.options.dtype}{batch}"


# JSON


def _data(report: FormulaReport) -> dict[str, Any]:
    return {
        "schema": 1,
        "architecture": report.architecture,
        "variables": [
            {"name": name, "value": _number(value), "chosen": name in report.chosen}
            for name, value in report.own.items()
        ],
        "formulas": [
            {
                "key": key.key,
                "unit": key.unit,
                "variables": list(key.names),
                "case_count": key.case_count,
                "cases": [_case_data(case) for case in key.cases],
                "why": key.why or None,
                "not_varied": dict(key.left_out),
                "note": key.note or None,
            }
            for key in report.keys
        ],
        "layers": [
            {
                "name": name,
                "kind": kind,
                **{key.key: _polynomials(key.cases[0].layers[place]) for key in report.keys if _of_layers(key, None)},
            }
            for place, (name, kind) in enumerate(report.layers)
        ],
        "analysed": report.analysed,
    }


def _case_data(case: Case) -> dict[str, Any]:
    return {
        "condition": case.condition or None,
        "conditions": [
            {
                "name": each.name,
                "step": _number(each.step),
                "residue": _number(each.residue),
                "least": _number(each.least),
                "most": _number(each.most),
            }
            for each in case.conditions
        ],
        "total": _polynomials(case.total),
        "points": case.points,
        "checked": case.checked,
    }


def _number(value: Any) -> int | str | None:
    """A whole number, or the text of a decimal one."""
    if value is None:
        return None
    return value.numerator if value.denominator == 1 else text_of(value)


def _polynomials(found: Sequence[Polynomial] | None) -> list[dict[str, Any]] | None:
    """Each polynomial as text, LaTeX and Python, and its terms over their denominator."""
    if found is None:
        return None
    return [
        {
            "text": each.text(),
            "latex": each.latex(),
            "python": each.python(),
            "denominator": each.denominator,
            "terms": [
                {
                    "coefficient": factor,
                    "powers": {name: power for name, power in zip(each.names, powers, strict=True) if power},
                }
                for powers, factor in each.numerators.items()
            ],
        }
        for each in found
    ]


# Python and LaTeX


def python_text(report: FormulaReport) -> str:
    """Python code with one function for each key, which takes whole numbers or arrays of them."""
    parts = [f'"""{report.architecture}: figures as functions of its variables."""'.replace("\\", "\\\\")]
    for key in report.keys:
        sides = max([len(case.total or ()) for case in key.cases], default=0)
        for place in range(sides):
            parts.append("\n".join(_function(key, place, sides)))
        if not sides:
            parts.append(f"# {key.key}: {' '.join(_no_polynomial(key).split())}")
    return "\n\n\n".join(parts) + "\n"


def _function(key: KeyFormulas, place: int, sides: int) -> list[str]:
    names = [_identifier(name) for name in key.names]
    cases = [case for case in key.cases if case.total is not None]
    title = key.key if sides == 1 else f"{key.key}_{place}"
    what = "bytes" if key.unit == "bytes" else "a count" if sides == 1 else f"the size of side {place}"
    conditions = " or ".join([_python_condition(case, " and ") or "all values" for case in cases])
    holds = "for all values" if not cases[0].condition else f"where {conditions}"
    lines = [f"def {title}({', '.join(names)}):", f'    """{key.key}: {what}, {holds}."""']
    for case in cases:
        expression = _renamed((case.total or ())[place]).python()
        condition = _python_condition(case, " and ")
        if len(cases) == 1 or not condition:
            lines.append(f"    return {expression}")
        else:
            lines += [f"    if {condition}:", f"        return {expression}"]
    if len(cases) > 1:
        lines.append('    raise ValueError("no formula for these values")')
    return lines


def _python_condition(case: Case, joint: str) -> str:
    return joint.join(
        [_identifier(each.name) + text[len(each.name) :] for each in case.conditions for text in each.texts]
    )


def _identifier(name: str) -> str:
    return f"{name}_" if iskeyword(name) else name


def _renamed(polynomial: Polynomial) -> Polynomial:
    return polynomial._replace(names=tuple(map(_identifier, polynomial.names)))


def latex_text(report: FormulaReport) -> str:
    r"""The formulas of the net as equations, in an ``align*`` of amsmath."""
    lines = [r"% Needs \usepackage{amsmath} in the preamble.", r"\begin{align*}"]
    rows = []
    for key in report.keys:
        title = rf"\text{{{escaped(key.key)}}}"
        for case in key.cases:
            if case.total is not None:
                conditions = ", ".join([part for each in case.conditions for part in _condition_parts(each)])
                formula = _formula(case.total).tex.strip("$")
                rows.append(f"  {title} &= {formula}" + (rf" && \text{{for }} {conditions}" if conditions else ""))
        if not key.cases:
            rows.append(rf"  {title} &\text{{: {escaped(_no_polynomial(key))}}}")
    return "\n".join([*lines, " \\\\\n".join(rows), r"\end{align*}"]) + "\n"
