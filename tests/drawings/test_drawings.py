"""Drawings: numbers and texts are read from the SVG and compared with the reports."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from functools import cache
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.drawings import DRAWINGS, MAX_WIDTH, MIN_WIDTH, draw
from cnncalc.drawings.canvas import Once
from cnncalc.drawings.graph_layout import page_of
from cnncalc.drawings.metrics import ASCENT, DESCENT, cut, width_of, wrapped
from cnncalc.drawings.palette import DARK, FAMILIES, FONTS, LIGHT, PATTERNS, RULES, family_of
from cnncalc.drawings.parts import parts_of
from cnncalc.drawings.samples import CATEGORIES, inference_samples, training_samples
from cnncalc.drawings.volume_layout import BACK, BAR
from cnncalc.errors import ValueProblem
from cnncalc.graph import chain
from cnncalc.layers import KINDS
from cnncalc.memory.report import MemoryReport, Options, account_memory
from cnncalc.units import format_bytes
from cnncalc.volume import Volume
from tests.calls import environment
from tests.random_nets import examples, random_design, seeds

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from tests.pages import ColorScheme, Tabs

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "plots"
NETS = ("lenet5", "vgg16", "googlenet", "resnet152")
"""Nets whose drawings are compared with golden files and measured in a browser."""
MORE_NETS = ("alexnet", "resnet50", "densenet121", "unet", "inception-v4", "googlenet-aux", "mobilenet-v2")
PIXEL = 0.011
"""Coordinates are rounded to a hundredth of a pixel."""
SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {
    "svg": {"id", "role", "aria-labelledby", "viewBox", "width", "height"},
    "title": {"id"},
    "desc": {"id"},
    "style": set(),
    "defs": set(),
    "pattern": {"id", "width", "height", "patternUnits", "patternTransform"},
    "g": {"class", "data-total", "data-scale", "data-base", "data-volume", "data-part"},
    "rect": {"class", "x", "y", "width", "height", "rx", "stroke-dasharray", "data-value"},
    "path": {"class", "d", "data-scale", "data-unit", "data-edge", "data-layer"},
    "circle": {"class", "cx", "cy", "r"},
    "text": {"class", "x", "y", "text-anchor", "transform", "data-peak"},
}
"""The elements of a drawing and their attributes: no scripts, no external resources."""


@cache
def report_of(net: str) -> Report:
    return cnncalc.analyze(net)


@cache
def memory_of(net: str, **options: object) -> MemoryReport:
    return account_memory(report_of(net), Options(**options), logs=True)  # type: ignore[arg-type]


def drawing(net: str, kind: str, width: int | None = None, depth: int | None = None) -> str:
    return draw(report_of(net), kind, memory=memory_of(net), width=width, depth=depth)


def root_of(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314  # our own text


def text_of(svg: str) -> str:
    """All texts of a drawing, tool tips included."""
    return "\n".join(root_of(svg).itertext())


# The form


@pytest.mark.parametrize("kind", DRAWINGS)
@pytest.mark.parametrize("net", [*NETS, *MORE_NETS])
def test_a_drawing_has_only_allowed_elements(net: str, kind: str) -> None:
    """No scripts, links or foreign elements; all referenced ids exist."""
    svg = drawing(net, kind)
    ids = set()

    for element in root_of(svg).iter():
        name = element.tag.removeprefix(SVG)
        assert set(element.attrib) <= ALLOWED[name], name
        ids.add(element.get("id"))

    assert set(re.findall(r"url\(#(.*?)\)", svg)) <= ids
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "nan" not in re.sub(r"<(title|desc|text).*?</\1>", "", svg)


@pytest.mark.parametrize("kind", DRAWINGS)
def test_a_drawing_has_a_title_and_a_description(kind: str) -> None:
    """Role, title and description; a background over the whole view box."""
    root = root_of(drawing("vgg16", kind))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    ground = root.find(f"{SVG}rect")
    assert title is not None
    assert description is not None
    assert ground is not None

    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert "VGG-16" in (title.text or "")
    assert len(description.text or "") > 60
    assert ground.get("class") == "ground"
    assert root.get("viewBox") == f"0 0 {ground.get('width')} {ground.get('height')}"


def test_the_description_has_exact_numbers() -> None:
    memory = memory_of("vgg16")

    assert "60,950,432 bytes (15,237,608 elements per image); 138,357,544 parameters" in text_of(
        drawing("vgg16", "cost")
    )
    assert f"the training peak is {memory.training.peak_bytes:,} bytes" in text_of(drawing("vgg16", "training"))
    assert f"the inference peak is {memory.inference.peak_bytes:,} bytes" in text_of(drawing("vgg16", "inference"))


def test_ids_differ_between_drawings_in_one_page() -> None:
    """All kinds of two nets, two widths and two batches."""
    drawings = [drawing(net, kind, width) for net in NETS[:2] for kind in DRAWINGS for width in (None, 480)]
    batch = cnncalc.analyze("vgg16", batch=2)
    drawings += [
        draw(batch, "cost"),
        draw(batch, "training", memory=account_memory(batch, Options(batch=2), logs=True)),
    ]
    ids = [found for svg in drawings for found in re.findall(r' id="(.*?)"', svg)]

    assert len(ids) == len(set(ids))
    assert all(re.fullmatch("[a-z][a-z0-9_-]*", found) for found in ids)


@pytest.mark.parametrize("kind", DRAWINGS)
def test_styles_do_not_leak(kind: str) -> None:
    """Every rule begins with the id of its drawing."""
    svg = drawing("googlenet", kind)
    root = root_of(svg)
    style = root.find(f"{SVG}style")
    assert style is not None
    selectors = re.findall(r"^([^@{}\n]+)\{", style.text or "", re.MULTILINE)

    assert len(selectors) > 5
    assert all(selector.startswith((f"#{root.get('id')} ", f"#{root.get('id')}:root")) for selector in selectors)


def test_a_drawing_is_the_same_on_every_run() -> None:
    code = (
        "import cnncalc, hashlib\n"
        "from cnncalc.memory.report import account_memory\n"
        "from cnncalc.drawings import DRAWINGS, draw\n"
        "report = cnncalc.analyze('googlenet'); memory = account_memory(report, logs=True)\n"
        "print(*[hashlib.sha256(draw(report, kind, memory=memory).encode()).hexdigest() for kind in DRAWINGS])\n"
    )

    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=environment(PYTHONHASHSEED=seed),
        ).stdout
        for seed in ("1", "2")
    }

    assert len(runs) == 1


@pytest.mark.parametrize("kind", DRAWINGS)
@pytest.mark.parametrize("net", NETS)
def test_golden_drawing(net: str, kind: str, regenerate: bool) -> None:
    path = GOLDEN / f"{net}.{kind}.svg"
    svg = drawing(net, kind)
    if regenerate:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(svg, encoding="utf-8", newline="\n")
    assert path.exists(), f"no golden file {path.name}: run pytest --regenerate and look at it"
    assert svg == path.read_text(encoding="utf-8")


def test_every_golden_drawing_is_compared() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"{net}.{kind}.svg" for net in NETS for kind in DRAWINGS}


# cost


def numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.get(name) or "nan") for name in names]


@pytest.mark.parametrize("depth", [None, 1, 2])
@pytest.mark.parametrize("net", [*NETS, *MORE_NETS])
def test_the_bars_add_up_to_the_totals(net: str, depth: int | None) -> None:
    """The height of every bar is its value to scale, and the values add up to the totals."""
    report = report_of(net)
    totals = (report.totals.activation_bytes, report.totals.parameters, report.totals.macs)
    svg = drawing(net, "cost", depth=depth)
    charts = [group for group in root_of(svg).iter(f"{SVG}g") if group.get("data-total")]
    assert len(charts) == 3
    axes = re.findall(r'class="axis" d="M([\d.]+) ([\d.]+)L([\d.]+) \2"', svg)
    length = max(float(right) - float(left) for left, _, right in axes)

    for chart, total in zip(charts, totals, strict=True):
        scale, base = numbers(chart, "data-scale", "data-base")
        assert int(chart.get("data-total") or "") == total
        bars = chart.findall(f"{SVG}rect")
        if bars:
            assert sum(int(bar.get("data-value") or "") for bar in bars) == total
        for bar in bars:
            y, height, value = numbers(bar, "y", "height", "data-value")
            assert height == pytest.approx(value * scale, abs=PIXEL, rel=1e-5)
            assert y + height == pytest.approx(base, abs=2 * PIXEL)
        outlines = chart.findall(f"{SVG}path")
        assert bool(outlines) != bool(bars)
        if outlines:
            steps = [step for outline in outlines for step in steps_of(outline.get("d") or "", base)]
            assert all(b[0] >= a[1] - PIXEL for a, b in pairwise(sorted(steps)))
            rows = [row for row in cnncalc_rows(report, depth) if any(row)]
            pitch = length / len(rows)
            area = sum((end - start) * height for start, end, height in steps)
            assert area / pitch / scale == pytest.approx(total, rel=0.02)


def cnncalc_rows(report: Report, depth: int | None) -> list[tuple[int, int, int]]:
    """Bytes, parameters and multiply-adds of each layer or block, added up here."""
    blocks: dict[str, list[int]] = {}
    for row in report.layers:
        name = row.name if depth is None else ".".join(row.name.split(".")[:depth])
        held = blocks.setdefault(name, [0, 0, 0])
        held[0] += 0 if row.in_place else row.activation_bytes
        held[1] += row.parameters
        held[2] += row.macs
    return [(held, learned, macs) for held, learned, macs in blocks.values()]


def steps_of(d: str, base: float) -> list[tuple[float, float, float]]:
    """Start, end and height of each step of an outline."""
    found = []
    for step in re.findall(r"M[^M]+", d):
        start, bottom, top, end, last = map(
            float,
            re.fullmatch(r"M([\d.]+) ([\d.]+)V([\d.]+)H([\d.]+)V([\d.]+)Z", step).groups(),  # type: ignore[union-attr]
        )
        assert bottom == last == pytest.approx(base, abs=PIXEL)
        found.append((start, end, base - top))
    return found


@pytest.mark.parametrize("kind", ["cost", "volumes"])
def test_nets_beside_each_other_share_their_axes(kind: str) -> None:
    """The scale is that of the larger net, in both drawings, and a single net keeps its own."""
    small, large = report_of("lenet5"), report_of("vgg16")
    alone = draw(small, kind)
    pair = [draw(small, kind, beside=[large]), draw(large, kind, beside=[small])]

    scales = [re.findall(r'data-scale="([^"]+)"', svg) for svg in (alone, *pair)]
    assert scales[1] == scales[2]
    assert scales[0] != scales[1]
    if kind == "cost":
        ticks = [
            [tick for tick in texts_of(root_of(svg)) if tick.text.endswith(("MiB", "M", "G", "0"))] for svg in pair
        ]
        assert {"10 MiB", "100M", "1.5G"} <= {tick.text for tick in ticks[0]} & {tick.text for tick in ticks[1]}
    else:
        assert_to_scale(root_of(pair[0]))


@pytest.mark.parametrize("pair", [("lenet5", "vgg16"), ("vgg16", "resnet18"), ("squeezenet", "vgg19")])
def test_texts_of_nets_beside_each_other_do_not_overlap(pair: tuple[str, str]) -> None:
    """A net that is small on the axes of the other one has the single tick of 100 % of its total."""
    first, second = map(report_of, pair)
    for net, other in ((first, second), (second, first)):
        for kind in ("cost", "volumes"):
            assert clashes(draw(net, kind, beside=[other])) == [], (net.name, kind)


@pytest.mark.parametrize(("palette", "name"), [(LIGHT, "light"), (DARK, "dark")])
def test_families_of_kinds_are_told_apart_in_grey(palette: dict[str, str], name: str) -> None:
    """Two plain colours differ by at least 12 in lightness L*; patterns differ in the angle of well visible stripes."""
    svg = draw(cnncalc.analyze(EVERY_FAMILY), "cost", theme=name)
    drawn = {bar.get("class") for bar in root_of(svg).iter(f"{SVG}rect") if bar.get("data-value")}
    assert drawn == set(FAMILIES) - {"of_block"}
    for one, other in combinations(FAMILIES, 2):
        patterns = [PATTERNS.get(family) for family in (one, other)]
        if patterns == [None, None]:
            assert abs(lightness(palette[one]) - lightness(palette[other])) >= 12, (one, other)
        elif None not in patterns:
            assert patterns[0].angle != patterns[1].angle  # type: ignore[union-attr]
    for family, pattern in PATTERNS.items():
        difference = abs(lightness(palette[pattern.ground]) - lightness(palette[pattern.stripe]))
        assert difference >= 30, family


EVERY_FAMILY = """INPUT 12x14x3 -> CONV3-8 -> BN -> [RELU(in_place=no) | CONV1-8] -> ADD -> POOL2 -> FC-5"""


def lightness(colour: str) -> float:
    """CIE L* of a colour: what is left of it in grey, from 0 to 100."""
    return 116.0 * math.pow(luminance(colour), 1 / 3) - 16


def test_layers_of_every_kind_have_a_family() -> None:
    """A kind of a family that drawings do not know is drawn as one of the others."""
    families = {family_of([row]) for row in report_of("googlenet").layers}

    assert {"of_convolution", "of_linear", "of_pooling", "of_normalization", "of_merge", "of_other"} <= families
    assert families <= set(FAMILIES)
    assert family_of(report_of("googlenet").layers) == "of_block"


def test_the_largest_bars_are_labelled() -> None:
    texts = text_of(drawing("vgg16", "cost")).splitlines()

    assert {"12.25 MiB", "21.1 % each", "102.8M", "74.3 %", "16.78M", "12.1 %"} <= set(texts)


def test_layers_are_named_if_there_is_room_else_blocks() -> None:
    names = text_of(drawing("vgg16", "cost")).splitlines()
    blocks = text_of(drawing("resnet152", "cost")).splitlines()

    assert {"conv1", "pool5", "fc3"} <= set(names)
    assert {"layer1", "layer2", "layer3", "layer4"} <= set(blocks)


# training and inference


@pytest.mark.parametrize(
    "options", [{}, {"optimizer": "adam", "batch": 3}, {"checkpoint": "blocks"}, {"accumulate": 2}]
)
@pytest.mark.parametrize("net", ["lenet5", "vgg16", "googlenet", "resnet18", "cifar-tiny"])
def test_the_peak_drawn_is_the_peak_of_the_report(net: str, options: dict[str, object]) -> None:
    memory = memory_of(net, **options)
    for kind, part, samples in (
        ("training", memory.training, training_samples(memory)),
        ("inference", memory.inference, inference_samples(memory)),
    ):
        svg = draw(memory.report, kind, memory=memory)
        peaks = [text for text in root_of(svg).iter(f"{SVG}text") if text.get("data-peak")]

        assert max(samples.totals) == part.peak_bytes
        assert [int(text.get("data-peak") or "") for text in peaks] == [part.peak_bytes]
        assert peaks[0].text == f"peak {format_bytes(part.peak_bytes)} at {part.peak_at}"


def test_the_optimizers_step_can_be_the_peak() -> None:
    """A net with mostly parameters: Adam's step with its temporaries, at the end, is the peak."""
    report = cnncalc.analyze("INPUT 4x4x3 -> FC-512 -> FC-512 -> FC-7")
    memory = account_memory(report, Options(optimizer="adam"), logs=True)
    samples = training_samples(memory)

    assert memory.training.peak_at == "optimizer step"
    assert samples.totals[-1] == memory.training.peak_bytes > max(samples.totals[:-1])
    dots = list(root_of(draw(report, "training", memory=memory)).iter(f"{SVG}circle"))
    assert [float(dot.get("cx") or "") > 800 for dot in dots] == [True]


@pytest.mark.parametrize("kind", ["training", "inference"])
def test_the_areas_are_the_bytes_to_scale(kind: str) -> None:
    """LeNet-5, every operation and every class: the lower and upper edges of the areas."""
    memory = memory_of("lenet5")
    samples = training_samples(memory) if kind == "training" else inference_samples(memory)
    group = next(group for group in root_of(drawing("lenet5", kind)).iter(f"{SVG}g") if group.get("data-base"))
    scale, base = numbers(group, "data-scale", "data-base")
    areas = {path.get("class"): edges_of(path.get("d") or "") for path in group.findall(f"{SVG}path")}
    names = tuple(layer.name for layer in CATEGORIES)
    count = len(samples.totals)
    held = [samples.bytes(number) for number in range(count)]

    assert set(areas) == {name for place, name in enumerate(names) if any(each[place] for each in held)}
    starts = next(iter(areas.values()))
    left, right = starts[0][0], starts[-1][1]
    for number, each in enumerate(held):
        if kind == "training":
            step = (right - left) * 0.035
            x = right - step / 2
            if number < count - 1:
                x = left + (right - left - step) * (number + 0.5) / (count - 1)
        else:
            x = left + (right - left) * (number + 0.5) / count
        for place, name in enumerate(names):
            if name not in areas:
                continue
            upper, lower = next((y2, y1) for start, end, y2, y1 in areas[name] if start <= x <= end)
            below = sum(each[:place])
            assert base - lower == pytest.approx(below * scale, abs=2 * PIXEL)
            assert base - upper == pytest.approx((below + each[place]) * scale, abs=2 * PIXEL)


def edges_of(d: str) -> list[tuple[float, float, float, float]]:
    """Start, end, upper and lower edge of the stretches of an area that is drawn forth and back in steps."""
    x, y = map(float, re.match(r"M([\d.]+) ([\d.]+)", d).groups())  # type: ignore[union-attr]
    first = x
    runs: list[tuple[float, float, float]] = []
    for command, value in re.findall(r"([HV])([\d.]+)", d):
        if command == "V":
            y = float(value)
        elif float(value) != x:
            runs.append((x, float(value), y))
            x = float(value)
    forth = [run for run in runs if run[1] > run[0]]
    back = [(end, start, y) for start, end, y in runs if end < start]
    cuts = sorted({first, *(end for _, end, _ in forth), *(start for start, _, _ in back)})
    found = []
    for a, b in pairwise(cuts):
        upper, lower = (next(y for start, end, y in part if start <= (a + b) / 2 <= end) for part in (forth, back))
        found.append((a, b, upper, lower))
    return found


def test_phases_are_named_and_recomputation_is_striped() -> None:
    plain, again = (
        drawing("vgg16", "training"),
        draw(report_of("vgg16"), "training", memory=memory_of("vgg16", checkpoint="blocks")),
    )

    assert {"forward", "backward"} <= set(text_of(plain).splitlines())
    assert "recomputed for backward" in text_of(again)
    assert "recomputed for backward" not in text_of(plain)


def test_the_notes_profile_has_no_drawing_over_time() -> None:
    memory = memory_of("lenet5", profile="notes")

    for kind in ("training", "inference"):
        with pytest.raises(ValueProblem, match="profile notes has no memory over time"):
            draw(memory.report, kind, memory=memory)


def test_a_memory_report_without_events_is_refused() -> None:
    memory = account_memory(report_of("lenet5"))

    with pytest.raises(ValueProblem, match="logs=True"):
        draw(memory.report, "training", memory=memory)
    with pytest.raises(ValueProblem, match="'inference' needs a memory report"):
        draw(memory.report, "inference")


# volumes


class Block(NamedTuple):
    """A block as it is drawn, in pixels."""

    volume: Volume
    length: float
    height: float
    back: tuple[float, float] | None


def blocks_of(root: ElementTree.Element) -> list[Block]:
    found = []
    for group in root.iter(f"{SVG}g"):
        size = group.get("data-volume")
        if size is None:
            continue
        front = group.find(f"{SVG}rect")
        assert front is not None
        length, height = numbers(front, "width", "height")
        sides = {path.get("class"): path.get("d") or "" for path in group.findall(f"{SVG}path")}
        back = None
        if "side" in sides:
            points = [
                tuple(map(float, point.split(" "))) for point in re.findall(r"[ML]([\d.]+ [\d.]+)", sides["side"])
            ]
            back = (points[1][0] - points[0][0], points[0][1] - points[1][1])
        found.append(Block(Volume(*map(int, size.split("x"))), length, height, back))
    return found


def scales_of(root: ElementTree.Element) -> dict[str, float]:
    """Pixels per unit: the length of each ruler divided by its stated count."""
    texts = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
    scales = {}
    for path in root.iter(f"{SVG}path"):
        unit = path.get("data-unit")
        if unit is not None:
            count = int(re.search(rf": ([\d,]+) {unit}s?\b", texts)[1].replace(",", ""))  # type: ignore[index]
            length = float(re.search(r"h([\d.]+)", path.get("d") or "")[1])  # type: ignore[index]
            scales[unit] = length / count
            assert scales[unit] == pytest.approx(float(path.get("data-scale") or ""), rel=1e-3)
    return scales


@pytest.mark.parametrize("width", [None, 480, 1600])
@pytest.mark.parametrize("net", [*NETS, *MORE_NETS])
def test_every_block_is_drawn_to_the_stated_scales(net: str, width: int | None) -> None:
    root = root_of(drawing(net, "volumes", width))

    assert len(blocks_of(root)) >= 8
    assert set(scales_of(root)) >= {"pixel", "channel"}
    assert_to_scale(root)


def assert_to_scale(root: ElementTree.Element) -> None:
    """Length, height and extent to the back of every block are its volume by the rulers."""
    exact = {
        path.get("data-unit"): float(path.get("data-scale") or "")
        for path in root.iter(f"{SVG}path")
        if path.get("data-unit")
    }
    for volume, length, height, back in blocks_of(root):
        if volume.is_point:
            assert (length, back) == (BAR, None)
            assert height == pytest.approx(volume.depth * exact["unit"], abs=PIXEL, rel=1e-5)
        else:
            assert length == pytest.approx(volume.depth * exact["channel"], abs=PIXEL, rel=1e-5)
            assert height == pytest.approx(volume[0] * exact["pixel"], abs=PIXEL, rel=1e-5)
            assert back == pytest.approx([volume[1] * exact["pixel"] * BACK] * 2, abs=2 * PIXEL, rel=1e-5)


def test_the_volumes_of_vgg16_are_those_of_its_table() -> None:
    """INPUT, 13 convolutions, 5 pools, 3 FC: 22 blocks in the order of the net."""
    drawn = [block.volume for block in blocks_of(root_of(drawing("vgg16", "volumes")))]

    assert drawn == [row.output for row in report_of("vgg16").layers if not row.in_place and row.kind != "dropout"]
    assert len(drawn) == 22


@pytest.mark.parametrize("net", ["lenet5", "alexnet", "zfnet", "vgg16", "vgg19", "unet"])
def test_a_chain_that_fits_is_one_row(net: str) -> None:
    """The middles of all blocks are at the same height."""
    middles = set()
    for group in root_of(drawing(net, "volumes")).iter(f"{SVG}g"):
        front = group.find(f"{SVG}rect")
        if group.get("data-volume") and front is not None:
            y, height = numbers(front, "y", "height")
            sides = [path.get("d") or "" for path in group.findall(f"{SVG}path")]
            top = min([y, *(float(value) for d in sides for value in re.findall(r"[\d.]+ ([\d.]+)", d))])
            middles.add(round((top + y + height) / 2, 1))

    assert max(middles) - min(middles) < 0.2


def test_equal_blocks_of_resnet152_are_drawn_once() -> None:
    """3, 8, 36 and 3 units, of which the first has a projection."""
    for kind in ("volumes", "graph"):
        times = [
            text.text
            for text in root_of(drawing("resnet152", kind)).iter(f"{SVG}text")
            if "strong" in (text.get("class") or "")
        ]
        assert times == ["\u00d7 2", "\u00d7 7", "\u00d7 35", "\u00d7 2"], kind
        assert "drawn once" in text_of(drawing("resnet152", kind))


def test_a_crop_is_a_label_on_an_arrow() -> None:
    """U-Net's four crops are named; a slice in a branch of its own is a block."""
    text = text_of(drawing("unet", "volumes"))
    crops = ("PAD(-88) 392x392x64", "PAD(-40) 200x200x128", "PAD(-16) 104x104x256", "PAD(-4) 56x56x512")
    assert set(crops) <= set(text.splitlines())

    split = cnncalc.analyze("INPUT 9x8x6 -> CONV3-6 -> [SLICE(0, to=2) -> CONV3-4 | SLICE(2, to=6)] -> CONCAT")
    drawn = [block.volume.size for block in blocks_of(root_of(draw(split, "volumes")))]
    assert drawn == ["9x8x6", "9x8x6", "9x8x2", "9x8x4", "9x8x8"]
    assert "SLICE(from=2, to=6) 9x8x4" in text_of(draw(split, "volumes"))

    read = cnncalc.analyze("INPUT 9x8x6@x -> CONV3-6(pad=0)@c -> FROM(@x) -> CROP(@c) -> ADD(@c)")  # to the sides of c
    assert "7x6x6" in [block.volume.size for block in blocks_of(root_of(draw(read, "volumes")))]
    assert "CROP" in text_of(draw(read, "volumes"))


def test_branches_of_an_inception_module_are_side_by_side() -> None:
    """Of module 3a the first volumes of the four branches begin at one place, at four heights."""
    places = {}
    for group in root_of(drawing("googlenet", "volumes")).iter(f"{SVG}g"):
        title, front = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        if title is not None and front is not None and (title.text or "").startswith("3a."):
            places[(title.text or "").split(" ")[0]] = numbers(front, "x", "y")

    heads = [places[name] for name in ("3a.C1.conv1", "3a.C2.conv1", "3a.C4.conv1", "3a.pool1")]
    assert len({x for x, _ in heads}) == 1
    assert [y for _, y in heads] == sorted({y for _, y in heads})


# graph


@pytest.mark.parametrize("net", ["lenet5", "vgg16", "googlenet", "resnet50", "unet", "googlenet-aux", "densenet121"])
def test_the_graph_has_every_part_and_every_edge(net: str) -> None:
    report = report_of(net)
    parts = parts_of(report)
    root = root_of(drawing(net, "graph"))
    nodes = sorted(int(group.get("data-part") or "") for group in root.iter(f"{SVG}g") if group.get("data-part"))
    edges = {path.get("data-edge") for path in root.iter(f"{SVG}path") if path.get("data-edge")}
    tips = [(group.find(f"{SVG}title"), group) for group in root.iter(f"{SVG}g") if group.get("data-part")]

    assert nodes == list(range(len(parts)))
    assert edges == {f"{edge.source} {part.index}" for part in parts for edge in part.inputs}
    assert [row.index for part in parts for row in part.rows] != []
    named = " ".join((title.text or "") for title, _ in tips if title is not None)
    assert all(f"{row.name} ({row.label}) {row.output}" in named for row in report.layers)


def test_the_parts_of_a_net_hold_every_layer_once() -> None:
    for net in (*NETS, *MORE_NETS):
        for depth in (None, 1, 2):
            parts = parts_of(report_of(net), depth)
            assert sorted(row.index for part in parts for row in part.rows) == list(range(len(report_of(net).layers)))
            assert all(edge.source < part.index for part in parts for edge in part.inputs)


def test_training_only_heads_are_dashed() -> None:
    dashed = [
        rect for rect in root_of(drawing("googlenet-aux", "graph")).iter(f"{SVG}rect") if rect.get("stroke-dasharray")
    ]

    assert len(dashed) == 8
    assert "Dashed: in training only." in text_of(drawing("googlenet-aux", "graph"))


def test_a_long_net_keeps_the_aspect_ratio_of_a_page() -> None:
    for net in ("resnet152", "densenet121", "vgg16", "resnet50"):
        width, height = map(float, (root_of(drawing(net, "graph")).get("viewBox") or "").split(" ")[2:])
        assert height < 3.75 * width, net


# Texts


class Written(NamedTuple):
    """A text and its bounding box."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def texts_of(root: ElementTree.Element) -> list[Written]:
    found = []
    for element in root.iter(f"{SVG}text"):
        text = "".join(element.itertext()) if len(element) == 0 else (element[-1].tail or "")
        size, bold = FONTS[(element.get("class") or "").split(" ")[0]]
        x, y = numbers(element, "x", "y")
        wide = width_of(text, size, bold=bold)
        before = {"start": 0.0, "middle": wide / 2, "end": wide}[element.get("text-anchor", "start")]
        if element.get("transform"):
            assert element.get("transform") == f"rotate(-90 {element.get('x')} {element.get('y')})"
            box = (x - ASCENT * size, y - wide + before, x + DESCENT * size, y + before)
        else:
            box = (x - before, y - ASCENT * size, x - before + wide, y + DESCENT * size)
        found.append(Written(text, *box))
    return found


def clashes(svg: str) -> list[str]:
    """Texts that leave the drawing or overlap, measured in the widest font."""
    root = root_of(svg)
    width, height = map(float, (root.get("viewBox") or "").split(" ")[2:])
    texts = texts_of(root)
    found = [
        f"outside: {t.text}"
        for t in texts
        if t.left < -PIXEL or t.top < -PIXEL or t.right > width + PIXEL or t.bottom > height + PIXEL
    ]
    for a, b in combinations(texts, 2):
        if min(a.right, b.right) - max(a.left, b.left) > 0.1 and min(a.bottom, b.bottom) - max(a.top, b.top) > 0.1:
            found.append(f"{a.text} / {b.text}")
    return found


@pytest.mark.parametrize("width", [None, 320, 480, 1600])
@pytest.mark.parametrize("net", [*NETS, *MORE_NETS])
def test_texts_neither_overlap_nor_leave_the_drawing(net: str, width: int | None) -> None:
    for kind in DRAWINGS:
        assert clashes(drawing(net, kind, width)) == [], kind


def test_an_overlap_is_detected() -> None:
    """The test above can fail."""
    svg = drawing("lenet5", "cost")

    moved = re.sub(r'(<text class="head ink" x=")[\d.]+(" y=")[\d.]+"', r'\g<1>16\g<2>56"', svg, count=1)

    assert clashes(moved) != []
    assert clashes(svg.replace('viewBox="0 0 880', 'viewBox="0 0 300')) != []


BOXES = """[...document.querySelectorAll("svg")].map(svg => {
  const o = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map(e => {
    const b = e.getBoundingClientRect();
    return [e.lastChild ? e.lastChild.data : "", b.left - o.left, b.top - o.top, b.right - o.left, b.bottom - o.top];
  });
  return {width: o.width, height: o.height, texts: texts};
})"""


@pytest.mark.parametrize("net", NETS)
def test_texts_do_not_overlap_in_a_browser(net: str, tabs: Tabs) -> None:
    """Every kind at the default width, at 480 and at 1600, as laid out by Chromium."""
    cases = [(kind, width) for kind in DRAWINGS for width in (None, 480, 1600)]

    measured = tabs.evaluated("".join(drawing(net, *case) for case in cases), BOXES)

    assert len(measured) == len(cases)
    for case, page in zip(cases, measured, strict=True):
        texts = [Written(*text) for text in page["texts"]]
        assert len(texts) > 4
        for text in texts:
            assert text.right - text.left > 0
            assert text.left >= 0
            assert text.top >= 0
            assert text.right <= page["width"]
            assert text.bottom <= page["height"], (case, text)
        for a, b in combinations(texts, 2):
            across = min(a.right, b.right) - max(a.left, b.left)
            down = min(a.bottom, b.bottom) - max(a.top, b.top)
            assert across <= 0.5 or down <= 0.5, (case, a, b)


GROUNDS = """[...document.querySelectorAll("svg")].map(svg => [
  getComputedStyle(svg.querySelector("rect.ground")).fill, getComputedStyle(svg.querySelector("text.ink")).fill
])"""


@pytest.mark.parametrize(("scheme", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_background_and_text_switch_together_in_a_browser(
    scheme: ColorScheme, palette: dict[str, str], tabs: Tabs
) -> None:
    style = "<style>:root{color-scheme:light dark}</style>"
    body = style + "".join(drawing("lenet5", kind) for kind in DRAWINGS)

    colours = tabs.evaluated(body, GROUNDS, scheme)

    assert colours == [[as_rgb(palette["ground"]), as_rgb(palette["ink"])]] * len(DRAWINGS)


@pytest.mark.parametrize("scheme", ["light", "dark", "light dark"])
@pytest.mark.parametrize("system", ["light", "dark"])
def test_an_inline_drawing_has_the_colour_scheme_of_its_page(scheme: str, system: ColorScheme, tabs: Tabs) -> None:
    """Only a page that leaves it to the system follows the system."""
    body = f"<style>:root{{color-scheme:{scheme}}}</style>{drawing('lenet5', 'cost')}"

    colours = tabs.evaluated(body, GROUNDS, system)

    palette = DARK if scheme == "dark" or (scheme == "light dark" and system == "dark") else LIGHT
    assert colours == [[as_rgb(palette["ground"]), as_rgb(palette["ink"])]]


@pytest.mark.parametrize(("theme", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_a_theme_has_one_palette(theme: str, palette: dict[str, str]) -> None:
    other = DARK if palette is LIGHT else LIGHT

    for kind in DRAWINGS:
        svg = draw(report_of("lenet5"), kind, memory=memory_of("lenet5"), theme=theme)
        assert f".ground{{fill:{palette['ground']}}}" in svg
        assert other["ground"] not in svg
        assert "@media" not in svg


def as_rgb(colour: str) -> str:
    """A colour as browsers compute it."""
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_every_text_has_contrast_with_its_background(palette: dict[str, str]) -> None:
    """At least 4.5 to 1 for text, 3 to 1 for lines and bars, 1.4 to 1 between areas that touch."""
    for ground in ("ground", "node", "merge"):
        for ink in ("ink", "muted"):
            assert contrast(palette[ink], palette[ground]) >= 4.5, (ink, ground)
    assert contrast(palette["ink"], palette["forward"]) >= 4.5
    assert contrast(palette["on_backward"], palette["backward"]) >= 4.5
    for line in ("edge", "axis"):
        assert contrast(palette[line], palette["ground"]) >= 3, line
    stack = ("parameters", "state", "rest", "gradients", "activations", "transient")
    plain = [name for name in stack if name != "gradients"]  # striped
    for low, high in pairwise(plain):
        assert contrast(palette[low], palette[high]) >= 1.4, (low, high)
    assert contrast(palette["stripe"], palette["gradients"]) >= 3


def test_every_colour_of_a_rule_is_in_both_palettes() -> None:
    names = set(re.findall(r"\{(\w+)\}", " ".join(RULES.values()))) - {"prefix"}

    assert set(LIGHT) == set(DARK)
    assert names <= set(LIGHT)


HOSTILE = (
    "<script>alert(1)</script>",
    "a & b < c > d \" e ' f",
    "]]> <![CDATA[ x",
    "[red]|_pipe_|{x}$",
    "\u7573\u307f\u8fbc\u307f\u30cb\u30e5\u30fc\u30e9\u30eb\u30cd\u30c3\u30c8",
    "\u0634\u0628\u0643\u0629 \u05e8\u05e9\u05ea",
    "\U0001f9e0\u200d\U0001f4c8 e\u0301",
    "url(#x);}text{fill:red}",
    "  two  blanks  ",
)


@pytest.mark.parametrize("kind", DRAWINGS)
@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_is_shown_literally(title: str, kind: str) -> None:
    report = report_of("lenet5")._replace(title=title, name=title)
    memory = memory_of("lenet5")._replace(report=report, architecture=title)
    svg = draw(report, kind, memory=memory)
    root = root_of(svg)

    written = title if "\u200d" not in title else title.replace("\u200d", "\\u200d")
    assert written in text_of(svg)
    assert clashes(svg) == []
    for element in root.iter():
        assert set(element.attrib) <= ALLOWED[element.tag.removeprefix(SVG)]
    style = root.find(f"{SVG}style")
    assert style is not None
    assert "red" not in (style.text or "").replace(root.get("id") or "", "")


def test_control_characters_are_shown() -> None:
    report = report_of("lenet5")._replace(title="a\x1b[31mb\x00\u202ec")

    svg = draw(report, "cost")

    assert "a\\x1b[31mb\\x00\\u202ec" in text_of(svg)
    assert "\x00" not in svg
    assert "\u202e" not in svg


def test_right_to_left_text_does_not_reverse_its_neighbours() -> None:
    svg = draw(report_of("lenet5")._replace(title="\u05e8\u05e9\u05ea"), "cost")

    assert "\u2068\u05e8\u05e9\u05ea\u2069: activation memory" in text_of(svg)


def test_long_names_are_cut_and_complete_in_the_tool_tip() -> None:
    name = "a_very_long_name_of_a_layer_" * 6
    net = chain(
        "long",
        [("input", KINDS["input"](size=[9, 11, 3])), *[(f"{name}{i}", KINDS["conv"](filters=7)) for i in range(9)]],
    )
    report = account(net)
    memory = account_memory(report, logs=True)

    for kind in DRAWINGS:
        svg = draw(report, kind, memory=memory)
        assert clashes(svg) == [], kind
        assert f"{name}3" in text_of(svg)


# Any net


@given(
    seed=seeds, width=st.integers(MIN_WIDTH, 1700), items=st.integers(1, 20), depth=st.sampled_from([None, None, 1, 2])
)
@examples(60)
def test_any_net_can_be_drawn(seed: int, width: int, items: int, depth: int | None) -> None:
    report = cnncalc.analyze(random_design(seed, items=items).text)
    memory = account_memory(report, logs=True)

    for kind in DRAWINGS:
        svg = draw(report, kind, memory=memory, width=width, depth=depth)
        root = root_of(svg)

        assert clashes(svg) == [], kind
        assert float(root.get("width") or "") == width
        box = [float(part) for part in (root.get("viewBox") or "").split(" ")]
        for rect in root.iter(f"{SVG}rect"):
            x, y, wide, high = (float(rect.get(name) or 0) for name in ("x", "y", "width", "height"))
            assert -PIXEL <= x <= x + wide <= box[2] + 1 + PIXEL, kind
            assert -PIXEL <= y <= y + high <= box[3] + PIXEL, kind
        if kind == "volumes":
            scales_of(root)
            assert_to_scale(root)
        if kind == "graph":
            graph_is_whole(root, report, depth)


def graph_is_whole(root: ElementTree.Element, report: Report, depth: int | None) -> None:
    parts = parts_of(report, depth)
    drawn = {int(group.get("data-part") or "") for group in root.iter(f"{SVG}g") if group.get("data-part")}
    edges = {path.get("data-edge") for path in root.iter(f"{SVG}path") if path.get("data-edge")}
    if len(drawn) == len(parts):
        assert edges == {f"{edge.source} {part.index}" for part in parts for edge in part.inputs}
    else:
        assert "drawn once" in text_of(ElementTree.tostring(root, "unicode")) or len(parts) > 60


LONG = (
    "INPUT 9x8x3 -> [CONV3-8 -> BN -> RELU]*1000 -> FC-10",
    "INPUT 9x8x3 -> [CONV3-{8+i} -> BN -> RELU]*500 as i -> FC-10",
    "INPUT 9x8x3 -> CONV3-4@a -> [CONV3-4 -> RELU]*400 -> ADD(@a) -> FC-3",
    "INPUT 8x9x3 -> [" + " | ".join(f"CONV3-{i + 1}" for i in range(60)) + "] -> CONCAT -> FC-3",
    "INPUT 8x9x3",
    "INPUT 1x1x1 -> FC-1",
    "INPUT 9x8x3 -> CONV3-4 -> [CONV3-5 | CONV3-6 | GAP -> FC-3]",
    "INPUT 9x8x3@a -> CONV3-4@x -> [FROM(@x) | INPUT 9x8x2@b -> CONV3-4 ] -> ADD -> FC-3",
    "INPUT 100000x100000x3 -> CONV3-999999999 -> GAP -> FC-10",
)


@pytest.mark.parametrize("pattern", LONG)
def test_drawings_of_large_nets_stay_small(pattern: str) -> None:
    report = cnncalc.analyze(pattern)
    memory = account_memory(report, logs=True)

    for kind in DRAWINGS:
        svg = draw(report, kind, memory=memory)
        width, height = map(float, (root_of(svg).get("viewBox") or "").split(" ")[2:])
        assert clashes(svg) == [], kind
        assert height < 6 * width, kind
        assert len(svg) < 250_000, kind


# What cannot be drawn


def test_an_unknown_kind_suggests_the_nearest() -> None:
    with pytest.raises(ValueProblem, match="no kind of drawing 'volume'; did you mean 'volumes'"):
        draw(report_of("lenet5"), "volume")


@pytest.mark.parametrize("width", [0, MIN_WIDTH - 1, MAX_WIDTH + 1])
def test_a_width_beyond_the_limits_is_refused(width: int) -> None:
    with pytest.raises(ValueProblem, match=f"320 to 10,000 pixels wide, not {width:,}"):
        draw(report_of("lenet5"), "cost", width=width)


# Room for text


def test_a_text_is_cut_to_its_room() -> None:
    assert cut("convolution", 10, 1000) == "convolution"
    shortened = cut("convolution", 10, 40)
    assert shortened.endswith("\u2026")
    assert "convolution".startswith(shortened[:-1])
    assert width_of(shortened, 10) <= 40
    assert cut("convolution", 10, 3) == ""


def test_wrapped_lines_fit_and_are_complete() -> None:
    text = "height goes up, width to the back " + "x" * 80
    lines = wrapped(text, 10, 120)

    assert all(width_of(line, 10) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


# Shapes that are rare


def test_labels_are_horizontal_in_a_short_chain_and_vertical_in_a_long_one() -> None:
    assert "rotate(-90" not in drawing("lenet5", "volumes")
    assert "rotate(" in drawing("vgg16", "volumes")


def test_many_parallel_branches_are_drawn_smaller() -> None:
    """At full size, as four branches are drawn, twelve would be over 2,300 pixels high."""

    def height(branches: int) -> float:
        pattern = f"INPUT 32x32x3 -> [{' | '.join(['CONV1-4'] * branches)}] -> CONCAT -> FC-10"
        return float(root_of(draw(cnncalc.analyze(pattern), "volumes")).get("height", "0"))

    assert height(4) > 700
    assert height(12) < 1100


@pytest.mark.parametrize(("net", "columns"), [("unet", 1), ("vgg16", 2), ("googlenet", 2)])
def test_a_graph_has_more_columns_only_if_they_save_height(net: str, columns: int) -> None:
    """All but the first and last layers of U-Net are one cell, which cannot be split; more columns save no height."""
    assert len(page_of(report_of(net), None, 848, Once()).columns) == columns


def arcs_of(svg: str) -> list[tuple[float, float, float]]:
    """The vertical line of each arc around other layers in a graph: its x, and its upper and lower end."""
    found = re.findall(r'd="M[\d.]+ [\d.]+V([\d.]+)q0 6 6 6H([\d.]+)q6 0 6 6V([\d.]+)', svg)
    return [(float(x) + 6, float(top) + 12, float(bottom)) for top, x, bottom in found]


@pytest.mark.parametrize("net", ["resnet50", "resnet152-v2", "mobilenet-v2", "densenet121", "vit-b-16"])
@pytest.mark.parametrize("width", [320, 880])
def test_an_arc_of_a_graph_passes_volumes_on_their_right(net: str, width: int) -> None:
    svg = drawing(net, "graph", width)

    crossed = [
        (text.text, x)
        for x, top, bottom in arcs_of(svg)
        for text in texts_of(root_of(svg))
        if text.left <= x <= text.right and text.bottom >= top and text.top <= bottom
    ]

    assert not crossed
    assert arcs_of(svg)


@pytest.mark.parametrize("net", ["unet", "unet3d"])
def test_a_crop_on_an_arc_stands_between_its_line_and_the_next(net: str) -> None:
    """Its outline in the colour of the background, 1.5 pixels wide, covers neither of them."""
    svg = drawing(net, "volumes")
    lines = [float(y) - 8 for y in re.findall(r'd="M[\d. ]+V([\d.]+)q0 -8 8 -8H', svg)]
    labels = [text for text in texts_of(root_of(svg)) if text.text.startswith("PAD(")]

    assert len(lines) == len(labels) > 2
    assert not [text.text for text in labels for y in lines if text.top < y < text.bottom + 1.5]


def test_a_line_does_not_cross_labels() -> None:
    """Labels have an outline in the colour of the background."""
    pattern = "INPUT 32x32x3 -> [[CONV3-8 | CONV5-8] -> CONCAT | [CONV3-3 | ] -> CONCAT] -> CONCAT -> FC-10"
    for kind in ("graph", "volumes"):
        svg = draw(cnncalc.analyze(pattern), kind)
        assert re.search(r'<text class="tick \w+ rim"[^>]*>32x32x8</text>', svg)
        assert re.search(r"\.rim\{[^}]*paint-order:stroke", svg)


def test_a_word_without_a_blank_is_broken() -> None:
    word = "wide\u65e5e\u0301" * 200

    lines = wrapped(word, 12, 400)

    assert "".join(lines) == word
    for line, after in pairwise(lines):
        assert width_of(line, 12) <= 400 < width_of(line + after[0], 12)
    assert wrapped("\u65e5\u672c", 12, 5) == ["\u65e5", "\u672c"], "where nothing fits, each sign stands alone"


@pytest.mark.parametrize("net", ["googlenet", "unet"])
def test_drawings_that_share_what_they_compute_are_those_that_do_not(net: str) -> None:
    memory, once = account_memory(report_of(net), logs=True), Once()

    for kind, width in product(DRAWINGS, (MIN_WIDTH, 1120)):
        shared = draw(memory.report, kind, memory=memory, width=width, once=once)
        assert shared == draw(memory.report, kind, memory=memory, width=width)
