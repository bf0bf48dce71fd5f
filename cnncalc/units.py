"""Formats and parses bytes and counts in short form.

Printing: bytes are divided by 1024 (KiB, MiB, GiB; ``notes`` prints the same values as KB, MB, GB) or by 1000 (``si``).
Short counts are decimal. Reading: B, KiB, MiB, GiB, TiB count by 1024 and kB, KB, MB, GB, TB by 1000; K, M, G, T of a
count are decimal. All arithmetic is in integers; values are rounded only when printed.
"""

from __future__ import annotations

from cnncalc.errors import ValueProblem, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BYTES_PER_ELEMENT = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of one element of each data type."""

UNIT_STYLES = ("iec", "notes", "si")
"""``iec``: KiB, MiB, GiB. ``notes``: the same values as KB, MB, GB. ``si``: kB, MB, GB of 1000."""

_STEPS = {
    "iec": (1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")),
    "notes": (1024, ("B", "KB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")),
    "si": (1000, ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")),
}
_BYTE_UNITS = {
    "B": 1,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
}
_COUNT_UNITS = {"K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
MAX_DIGITS = 18
"""The maximum number of digits of a written number."""
_QUANTITY = rf"([0-9]{{1,{MAX_DIGITS}}}(?:\.[0-9]{{1,{MAX_DIGITS}}})?) ?([A-Za-z]*)"


def bytes_per_element(dtype: str) -> int:
    """Bytes of one element of ``dtype``; a ValueProblem names the nearest one that is known."""
    if isinstance(dtype, str) and dtype in BYTES_PER_ELEMENT:
        return BYTES_PER_ELEMENT[dtype]
    known = ", ".join(BYTES_PER_ELEMENT)
    near = did_you_mean(dtype, BYTES_PER_ELEMENT) if isinstance(dtype, str) else ""
    raise ValueProblem(f"no data type '{dtype}'{near} (known: {known})", code="unknown-dtype")


def untrainable(dtype: str) -> str | None:
    """Why nothing is trained in a data type that inference takes; None for other words."""
    return f"{dtype} is not a data type of training" if dtype in BYTES_PER_ELEMENT else None


def _significant(count: int, size: int, digits: int) -> tuple[int, int]:
    """``count / size`` rounded half up to ``digits`` significant digits, as (whole number m, decimals d): m / 10**d."""
    decimals = digits - 1
    while decimals > 0 and count >= size * 10 ** (digits - decimals):
        decimals -= 1
    rounded = (2 * count * 10**decimals + size) // (2 * size)
    if decimals and rounded >= 10**digits:
        decimals -= 1
        rounded = (2 * count * 10**decimals + size) // (2 * size)
    return rounded, decimals


def _written(rounded: int, decimals: int) -> str:
    whole, part = divmod(rounded, 10**decimals)
    return f"{whole}.{part:0{decimals}d}" if decimals else str(whole)


def format_bytes(count: int, style: str = "iec", digits: int = 4) -> str:
    """``60950432`` -> ``58.13 MiB``: in the largest unit in which the value is at least 1.

    ``count`` is in bytes; ``digits`` are significant digits. Less than one kibibyte (or kilobyte) is printed in bytes.
    """
    return _bytes_and_exactness(count, style, digits)[0]


def equal_bytes(count: int, style: str = "iec") -> str:
    """``= 12.25 MiB``, or ``~ 58.13 MiB`` where the short form is rounded."""
    text, is_exact = _bytes_and_exactness(count, style, 4)
    return f"{'=' if is_exact else '~'} {text}"


def _bytes_and_exactness(count: int, style: str, digits: int) -> tuple[str, bool]:
    """The short form of bytes, and whether it is the count itself, not rounded."""
    step, names = _STEPS[style]
    size, unit = 1, 0
    while unit + 1 < len(names) and abs(count) >= size * step:
        size *= step
        unit += 1
    if unit == 0:
        return f"{count} B", True
    sign = "-" if count < 0 else ""
    rounded, decimals = _significant(abs(count), size, digits)
    is_exact = rounded * size == abs(count) * 10**decimals
    if rounded >= step * 10**decimals and unit + 1 < len(names):
        rounded, decimals, unit = 10 ** (digits - 1), digits - 1, unit + 1
    return f"{sign}{_written(rounded, decimals)} {names[unit]}", is_exact


def short(count: int, digits: int = 4) -> str:
    """``138357544`` -> ``138.4M``: decimal K, M, G, T with four significant digits; in full below 10,000: ``1,728``."""
    if abs(count) < 10_000:
        return f"{count:,}"
    sign = "-" if count < 0 else ""
    count = abs(count)
    unit = min((len(str(count)) - 1) // 3, 4)
    rounded, decimals = _significant(count, 1000**unit, digits)
    if rounded >= 1000 * 10**decimals and unit < 4:
        unit += 1
        rounded, decimals = _significant(count, 1000**unit, digits)
    return sign + _written(rounded, decimals) + ("", "K", "M", "G", "T")[unit]


def short_notes(count: int, digits: int = 2) -> str:
    """Short numbers in the notes' style: 150528 -> 150K, 3211264 -> 3.2M, 802816 -> 800K; plain below 10,000.

    The notes keep two significant digits of the number itself, and no zero after the decimal point (1.6M, 25K, 138M).
    """
    if count < 10_000:
        return str(count)
    length = len(str(count))
    step = 10 ** max(0, length - digits)
    rounded = (2 * count + step) // (2 * step) * step
    unit = min((len(str(rounded)) - 1) // 3, 4)
    whole, rest = divmod(rounded, 1000**unit)
    part = f"{rest:0{3 * unit}d}".rstrip("0")
    return f"{whole}{'.' + part if part else ''}" + ("", "K", "M", "G", "T")[unit]


def parse_bytes(text: str) -> int:
    """``93MiB`` -> 97517568 bytes. A number without a unit is in bytes.

    Raises ValueProblem for a fraction of a byte or an unknown unit.
    """
    return _parse(text, _BYTE_UNITS, "B", "bytes")


def parse_size(text: str) -> int:
    """The bytes of a size as :func:`parse_bytes`, but ``8`` is refused, which may mean 8 bytes or 8 GiB.

    A number without a unit is in bytes from 1 MiB on, and 0 is 0.
    """
    value = parse_bytes(text)
    if 0 < value < MIN_BARE_BYTES and not text.strip().strip("0123456789."):
        raise ValueProblem(
            f"'{text}' has no unit: {plural(value, 'byte')}, or {text}GiB?",
            code="no-unit",
            hint=f"write {text}B, {text}MiB or {text}GiB",
        )
    return value


MIN_BARE_BYTES = 1024**2
"""A smaller number of bytes needs a unit."""


def parse_count(text: str) -> int:
    """``7M`` -> 7000000: a whole number, optionally with K, M, G or T (decimal). Raises ValueProblem otherwise."""
    return _parse(text, _COUNT_UNITS, "", "a count")


def too_many_digits(digits: int) -> str:
    """The message about a number of more than MAX_DIGITS digits; ``digits`` is how many it has."""
    return f"a number has at most {MAX_DIGITS} digits, but this one has {digits}"


def check_digits(text: str) -> None:
    """Raises ValueProblem if a number in the text has more than MAX_DIGITS digits."""
    import re

    longest = max(map(len, re.findall("[0-9]+", text)), default=0)
    if longest > MAX_DIGITS:
        raise ValueProblem(too_many_digits(longest), code="limit")


def _parse(text: str, units: dict[str, int], bare: str, what: str) -> int:
    import re

    check_digits(text)
    found = re.fullmatch(_QUANTITY, text.strip())
    if not found:
        example = "8GiB" if bare else "7M"
        raise ValueProblem(f"'{text}' is not {what}: write a number and a unit, as in {example}", code="unknown-unit")
    number, unit = found.groups()
    if unit and unit not in units:
        known = ", ".join(units)
        near = did_you_mean(unit, units)
        raise ValueProblem(f"no unit '{unit}' for {what}{near} (known: {known})", code="unknown-unit")
    whole, _, part = number.partition(".")
    each: int = 10 ** len(part)
    value, rest = divmod(int(whole + part) * (units[unit] if unit else 1), each)
    if rest:
        raise ValueProblem(f"'{text}' is not a whole number of {'bytes' if bare else 'elements'}", code="unknown-unit")
    return value


def round_up(count: int, multiple: int) -> int:
    """``count`` rounded up to a multiple; a negative one is rounded away from 0 as well."""
    return -(-count // multiple) * multiple if count >= 0 else count // multiple * multiple


def listed(words: Sequence[str], last: str = "and") -> str:
    """``height, width and depth``"""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]


def plural(count: int, noun: str) -> str:
    """``1 layer``, ``2,000 layers``, ``2 biases``, ``3 axes``."""
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("is"):
        return f"{count:,} {noun[:-2]}es"
    return f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"


def percent(part: int, whole: int) -> str:
    """``71.1 %``: the share to one decimal, rounded half up; 0.0 % if ``whole`` is 0."""
    tenths = (2000 * part + whole) // (2 * whole) if whole else 0
    return f"{tenths // 10:,}.{tenths % 10} %"


SMALLEST_DECIMALS = 9
"""The most decimals of a small percentage; below them it is ``0.0 %``."""


def percent_by(part: int, whole: int) -> str:
    """The size of a change or difference as :func:`percent` writes it, or, if that is ``0.0 %``, as in ``0.004 %``."""
    for decimals in range(1, SMALLEST_DECIMALS + 1):
        digits = (2 * 10 ** (decimals + 2) * part + whole) // (2 * whole) if whole else 0
        if digits:
            return percent(part, whole) if decimals == 1 else f"0.{digits:0{decimals}} %"
    return percent(0, whole)


def signed_percent(change: int, whole: int) -> str:
    """``+3.8 %``, ``-0.004 %``: a change, as :func:`percent_by` writes it, with its sign; no change is ``0.0 %``."""
    text = percent_by(abs(change), whole)
    return text if text == percent(0, whole) else f"{'+' if change > 0 else '-'}{text}"


def listing(names: Sequence[str], most: int = 6) -> str:
    """Names separated by commas; if there are more than ``most``, the first ones and the number of the others."""
    if len(names) <= most:
        return ", ".join(names)
    return ", ".join(names[: most - 1]) + f" and {len(names) - most + 1:,} more"
