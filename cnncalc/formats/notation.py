"""How numbers are written in a document: units, and short or exact."""

from __future__ import annotations

from cnncalc.records import NamedTuple
from cnncalc.units import equal_bytes, format_bytes, percent, short

UNIT_RULES = {
    "iec": "KiB, MiB and GiB are powers of 1024",
    "notes": "KB, MB and GB are powers of 1024, as in the notes",
    "si": "kB, MB and GB are powers of 1000",
}
"""The meaning of the units of bytes, by style."""

BLOCKS = " \u258f\u258e\u258d\u258c\u258b\u258a\u2589\u2588"
"""Bars of zero to eight eighths of a character cell."""
BAR_WIDTHS = (12, 5)
"""Widths of a bar in characters: usually, and in narrow terminals."""


class Notation(NamedTuple):
    """How numbers are written.

    ``units`` is a style of :data:`cnncalc.units.UNIT_STYLES`. ``numbers`` is ``usual`` (short or full, depending on the
    column), ``short`` (four significant digits) or ``exact``. ``ascii_only``: bars are drawn in ASCII.

    >>> Notation().full(138357544), Notation(numbers="short").full(138357544), Notation(numbers="exact").size(2048)
    ('138,357,544', '138.4M', '2,048 B')
    """

    units: str = "iec"
    numbers: str = "usual"
    ascii_only: bool = False

    def full(self, count: int) -> str:
        """A count that is usually written out: ``138,357,544``."""
        return short(count) if self.numbers == "short" else f"{count:,}"

    def short(self, count: int) -> str:
        """A count that is usually written short: ``15.47G``."""
        return f"{count:,}" if self.numbers == "exact" else short(count)

    def size(self, count: int) -> str:
        """Bytes: ``58.13 MiB``, or ``60,950,432 B`` where numbers are exact."""
        return f"{count:,} B" if self.numbers == "exact" else format_bytes(count, self.units)

    def equal_size(self, count: int) -> str:
        """Bytes as the result of a computation: ``= 12.25 MiB``, or ``~ 58.13 MiB`` where they are rounded."""
        return f"= {self.size(count)}" if self.numbers == "exact" else equal_bytes(count, self.units)

    def bar(self, part: int, largest: int, whole: int, cells: int = BAR_WIDTHS[0]) -> str:
        """A bar of length ``part / largest`` and the share of the whole; empty if ``part`` is 0."""
        if not part:
            return ""
        eighths = (16 * cells * part + largest) // (2 * largest) if largest else 0
        if self.ascii_only:
            drawn = "#" * ((eighths + 4) // 8)
        else:
            drawn = BLOCKS[8] * (eighths // 8) + (BLOCKS[eighths % 8] if eighths % 8 else "")
        return f"{drawn:{cells}} {percent(part, whole):>7}"

    @property
    def rule(self) -> str:
        """The meaning of the units."""
        return "B is a byte" if self.numbers == "exact" else UNIT_RULES[self.units]


USUAL = Notation()
"""Units of 1024; numbers short or full, depending on the column."""
