"""The report page in Chromium: clicking, typing, printing, and without JavaScript."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import cnncalc
from cnncalc.drawings.palette import DARK, LIGHT
from cnncalc.memory.fit import fit
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.report import Options, Simulation, account_memory
from cnncalc.units import UNIT_STYLES, format_bytes, percent, short
from tests.pages import HOSTILE, page_of, written_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from cnncalc.memory.report import MemoryReport
    from tests.pages import ColorScheme, Tabs

pytestmark = pytest.mark.slow


class Window:
    """Opens pages and collects errors, console messages and requests."""

    def __init__(self, tabs: Tabs, folder: Path) -> None:
        self.tabs = tabs
        self.folder = folder
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.listeners: dict[Any, Callable[[Any], None]] = {
            "console": lambda message: self.complaints.append(f"{message.type}: {message.text}"),
            "pageerror": lambda error: self.complaints.append(str(error)),
            "request": lambda request: self.requests.append(request.url),
        }
        self.page: Page | None = None

    def open(self, *words: str, color_scheme: ColorScheme | None = None, javascript: bool = True) -> Page:
        self.close()
        self.page = self.tabs.blank(color_scheme=color_scheme, javascript=javascript)
        for event, listener in self.listeners.items():
            self.page.on(event, listener)
        self.address = written_to(self.folder, *words)
        self.page.goto(self.address)
        return self.page

    def close(self) -> None:
        if self.page is not None:
            for event, listener in self.listeners.items():
                self.page.remove_listener(event, listener)


@pytest.fixture
def window(tabs: Tabs, tmp_path: Path) -> Iterator[Window]:
    window = Window(tabs, tmp_path)
    yield window
    window.close()
    assert window.complaints == []
    assert window.requests == [window.address]


def seen(page: Page, column: int, table: str = "#layers") -> list[str]:
    """The cells of a column in the visible rows, from top to bottom."""
    found: list[str] = page.eval_on_selector_all(
        f"{table} tbody tr",
        "(rows, column) => rows.filter(row => row.offsetParent !== null || row.getClientRects().length)"
        ".map(row => row.cells[column].firstChild ? row.cells[column].textContent : '')",
        column,
    )
    return found


NARROW = """() => [...document.querySelectorAll(".scroll")].filter(each => each.offsetParent).map(each => ({
  hidden: each.scrollWidth - each.clientWidth, isFigure: each.parentElement.tagName === "FIGURE",
  scrolls: each.classList.contains("scrolls"), more: each.classList.contains("more")}))"""


@pytest.mark.parametrize("words", [("googlenet",), ("resnet50",), ("vgg16", "unet")], ids=" ".join)
def test_a_phone_shows_whole_drawings_and_tables_with_a_cue(window: Window, words: tuple[str, ...]) -> None:
    """At 360 pixels no drawing has to be scrolled, and every table that has to be says so until its end."""
    page = window.open(*words)
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_timeout(200)

    assert page.evaluate("document.documentElement.scrollWidth") == 360
    found = page.evaluate(NARROW)
    assert [each["hidden"] for each in found if each["isFigure"]] == [0] * sum(each["isFigure"] for each in found)
    assert sum(each["isFigure"] for each in found) >= 4
    tables = [each for each in found if not each["isFigure"]]
    assert any(each["hidden"] > 100 for each in tables)
    assert all(each["scrolls"] == each["more"] == (each["hidden"] > 1) for each in tables)
    page.evaluate("document.querySelectorAll('.scroll').forEach(each => { each.scrollLeft = 1e6 })")
    page.wait_for_timeout(200)
    assert not any(each["more"] for each in page.evaluate(NARROW))


@pytest.mark.parametrize("words", [("resnet50",), ("vgg16", "vgg19")], ids=" ".join)
def test_the_first_column_stays_while_a_table_scrolls(window: Window, words: tuple[str, ...]) -> None:
    page = window.open(*words)
    page.set_viewport_size({"width": 360, "height": 800})
    places = """() => [...document.querySelectorAll(".scroll > table")].map(table => {
      table.parentElement.scrollLeft = 150;
      const head = [...table.tBodies[0].rows].map(row => row.querySelector("th")).find(head => head.offsetParent);
      const left = head.getBoundingClientRect().left - table.parentElement.getBoundingClientRect().left;
      return [table.parentElement.scrollLeft, left, getComputedStyle(head).backgroundColor]})"""

    found = [(left, colour) for scrolled, left, colour in page.evaluate(places) if scrolled == 150]

    assert found
    assert all(left == pytest.approx(0, abs=1) and colour != "rgba(0, 0, 0, 0)" for left, colour in found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_drawing_in_a_file_has_the_colours_of_the_system(tabs: Tabs, tmp_path: Path, scheme: ColorScheme) -> None:
    """Opened itself, and as an image of a page that leaves the colour scheme to the system."""
    expected = (LIGHT if scheme == "light" else DARK)["ground"]
    svg = tmp_path / "net.svg"
    svg.write_text(cnncalc.plot("lenet5"), encoding="utf-8")
    page = tabs.blank(color_scheme=scheme)
    page.goto(svg.as_uri())
    filled = page.evaluate("getComputedStyle(document.querySelector('rect.ground')).fill")
    page = tabs.blank(color_scheme=scheme)
    page.set_content(
        f'<meta name="color-scheme" content="light dark"><img src="data:image/svg+xml,{quote(svg.read_text())}">'
    )
    drawn = page.evaluate("""async () => {
      const image = document.querySelector("img");
      await image.decode();
      const canvas = document.createElement("canvas");
      const pen = canvas.getContext("2d");
      pen.drawImage(image, 0, 0);
      return [...pen.getImageData(2, 2, 1, 1).data].slice(0, 3)}""")

    assert filled == f"rgb({', '.join(str(part) for part in bytes.fromhex(expected[1:]))})"
    assert drawn == list(bytes.fromhex(expected[1:]))


@pytest.mark.parametrize("words", [("lenet5",), ("resnet152",), ("vgg16", "vgg19"), ("INPUT 4x5x3",)], ids=" ".join)
def test_a_page_opens_without_console_errors(window: Window, words: tuple[str, ...]) -> None:
    page = window.open(*words)

    assert page.title()
    for width in (1280, 1000, 900, 768, 600, 420, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


def test_a_page_with_markup_in_names_opens_without_console_errors(window: Window, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(HOSTILE, encoding="utf-8")
    page = window.open(str(file))

    assert page.inner_text("h1") == "a<b>&c|d_e"
    page.click("#unfold")
    assert len(seen(page, 1)) == (4 + 9 * 16) + (1 + 9 + 18)  # layers, and the blocks that they lie in


def test_a_violated_policy_is_detected(tabs: Tabs, tmp_path: Path) -> None:
    """The guards above can fail."""
    page = tabs.blank()
    complaints: list[str] = []

    def listener(message: Any) -> None:
        complaints.append(message.text)

    page.on("console", listener)
    file = tmp_path / "page.html"
    text = page_of("lenet5").replace("</main>", '<img src="https://example.org/x.png" alt=""></main>')
    file.write_text(text.replace("<h1>", '<h1 style="color:red">'), encoding="utf-8")
    page.goto(file.as_uri())
    page.remove_listener("console", listener)

    assert len([line for line in complaints if "Content Security Policy" in line]) == 2


# The table

COLUMNS = ("#", "layer", "what", "volume", "activations", "memory", "parameters", "MACs", "receptive field")


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key: ``conv10`` after ``conv2``, ignoring case."""
    parts = re.findall(r"[0-9]+|[^0-9]", text.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def test_the_table_is_sorted_by_every_column_both_ways(window: Window) -> None:
    report = cnncalc.analyze("vgg16")
    keys: list[Any] = [
        lambda row: row.index,
        lambda row: natural(row.name),
        lambda row: natural(row.label),
        lambda row: row.output.elements,
        lambda row: 0 if row.in_place else row.activations,
        lambda row: 0 if row.in_place else row.activation_bytes,
        lambda row: row.parameters,
        lambda row: row.macs,
        lambda row: row.receptive_field[0] * row.receptive_field[1],
    ]
    page = window.open("vgg16")
    for column, key in enumerate(keys):
        head = page.locator("#layers thead th").nth(column)
        down = (
            column >= 3 or column == 0
        )  # numbers begin with the largest; the order of the net is there from the start
        for _ in range(2):
            head.get_by_role("button").click()
            expected = sorted(report.layers, key=key, reverse=down)  # of equal rows the first stays first
            assert seen(page, 1) == [row.name for row in expected], COLUMNS[column]
            assert head.get_attribute("aria-sort") == ("descending" if down else "ascending")
            assert page.locator("#layers [aria-sort]").count() == 1
            down = not down


def test_a_collapsed_block_is_sorted_as_one_row(window: Window) -> None:
    report = cnncalc.analyze("resnet152")
    page = window.open("resnet152")
    sums: dict[str, int] = {}
    for row in report.layers:
        sums[row.name.split(".")[0]] = sums.get(row.name.split(".")[0], 0) + row.macs

    assert seen(page, 1) == list(sums)  # folded from the start, since it is long
    page.get_by_role("button", name="MACs").click()
    assert seen(page, 1) == sorted(sums, key=lambda name: -sums[name])


def test_blocks_collapse_and_expand_with_mouse_and_keyboard(window: Window) -> None:
    report = cnncalc.analyze("resnet152")
    page = window.open("resnet152")
    block = page.get_by_role("button", name="layer2", exact=True)
    assert block.get_attribute("aria-expanded") == "false"

    block.click()
    inner = [f"layer2.{number}" for number in range(8)]
    assert [name for name in seen(page, 1) if name.startswith("layer2.")] == inner
    assert block.get_attribute("aria-expanded") == "true"
    page.keyboard.press("ArrowLeft")
    assert [name for name in seen(page, 1) if name.startswith("layer2.")] == []
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "layer2.0"
    page.keyboard.press("Space")
    inside = [row.name for row in report.layers if row.name.startswith("layer2.0.")]
    shown = [name for name in seen(page, 1) if name.startswith("layer2.0.") and name != "layer2.0.downsample"]
    assert shown == [name for name in inside if not name.startswith("layer2.0.downsample.")]

    page.click("#unfold")
    assert len(seen(page, 1)) == len(report.layers) + 58
    page.click("#fold")
    assert len(seen(page, 1)) == 11


def test_a_search_finds_names_and_labels_in_collapsed_blocks(window: Window) -> None:
    report = cnncalc.analyze("resnet152")
    page = window.open("resnet152")

    page.get_by_label("Search the layers").fill(" Layer3.1.CONV")
    expected = [row.name for row in report.layers if "layer3.1.conv" in row.name]
    assert seen(page, 1) == expected
    assert page.inner_text("#found") == f"{len(expected)} of 515 layers found"
    page.fill("#search", "CONV7")
    assert seen(page, 1) == ["conv1"]
    page.fill("#search", "nothing like it")
    assert seen(page, 1) == []
    page.fill("#search", "")
    assert len(seen(page, 1)) == 11


def test_numbers_are_short_exact_or_with_formulas(window: Window) -> None:
    report = cnncalc.analyze("vgg16")
    page = window.open("vgg16")

    def column(place: int) -> list[str]:
        found: list[str] = page.eval_on_selector_all(
            "#layers tbody tr", "(rows, place) => rows.map(row => row.cells[place].firstChild?.data ?? '')", place
        )
        return found

    assert column(7) == [short(row.macs) for row in report.layers]
    assert column(5) == ["" if row.in_place else format_bytes(row.activation_bytes) for row in report.layers]
    page.get_by_label("exact").check()
    assert column(7) == [f"{row.macs:,}" for row in report.layers]
    assert column(5) == ["" if row.in_place else f"{row.activation_bytes:,} B" for row in report.layers]
    assert not page.get_by_text("(3*3*3)*64 + 64").is_visible()
    page.get_by_label("with formulas").check()
    assert page.get_by_text("(3*3*3)*64 + 64").is_visible()
    assert page.locator("#layers tfoot td").nth(6).inner_text() == "15,470,264,320"


# Memory


def shown_bytes(page: Page, net: int = 0) -> dict[str, int]:
    """The exact bytes in the page, by key."""
    found: dict[str, str] = page.evaluate(
        'net => Object.fromEntries([...document.querySelectorAll(`[data-net="${net}"] [data-bytes]`)]'
        ".map(e => [e.dataset.out, e.dataset.bytes]))",
        net,
    )
    return {key: int(value) for key, value in found.items()}


def said_bytes(memory: MemoryReport) -> dict[str, int]:
    """The same bytes from the memory report."""
    training, inference, notes = memory.training, memory.inference, memory.notes
    found = {"training-peak": training.peak_bytes, "training-sum": training.peak_bytes}
    found |= {"inference-peak": inference.peak_bytes, "inference-sum": inference.peak_bytes}
    found |= {"training-notes": notes.training_bytes, "inference-notes": notes.inference_bytes}
    for key in training.breakdown._fields:
        found[f"training-{key}"] = getattr(training.breakdown, key)
        found[f"inference-{key}"] = getattr(inference.breakdown, key)
    return found


@pytest.mark.parametrize(
    ("net", "profile"),
    [("resnet152", "torch-cuda"), ("googlenet", "torch-cpu"), ("lenet5", "ideal"), ("vgg16", "notes")],
)
def test_the_slider_agrees_with_the_command_line_to_the_byte(window: Window, net: str, profile: str) -> None:
    page = window.open(net, "--profile", profile)
    report = cnncalc.analyze(net)
    for number, optimizer in enumerate(OPTIMIZERS):
        batch = (1, 2, 7, 33, 64, 100, 1000)[number % 7]
        page.get_by_label("Any batch size").fill(str(batch))
        page.get_by_label("Optimizer", exact=True).select_option(optimizer)
        options = Options(profile=profile, batch=batch, optimizer=optimizer)
        memory = account_memory(report, options, details=False)

        assert shown_bytes(page) == said_bytes(memory)
        assert page.inner_text('[data-out="training-peak"]') == format_bytes(memory.training.peak_bytes)
        place = page.inner_text('[data-out="training-at"]')
        layer, _, phase = memory.training.peak_at.partition(" (")
        where = f"in the {phase.rstrip(')')} pass of {layer}" if phase else "in the optimizer step"
        assert place == where


@pytest.mark.parametrize("units", UNIT_STYLES)
def test_numbers_are_written_as_the_command_line_writes_them(window: Window, units: str) -> None:
    page = window.open("googlenet", "--units", units)
    for batch in (1, 3, 47, 1024, 99_999, 10**9, 10**17):
        page.fill("#batch", str(batch))
        texts: list[list[str]] = page.eval_on_selector_all(
            "[data-bytes]", "places => places.map(place => [place.dataset.bytes, place.textContent])"
        )
        assert len(texts) == 20
        assert [text for _, text in texts] == [format_bytes(int(count), units) for count, _ in texts]
        shown = shown_bytes(page)
        for part in ("parameters", "activations", "transient"):
            share = page.inner_text(f'[data-out="share-{part}"]')
            assert share == percent(shown[f"training-{part}"], shown["training-peak"])


def test_the_slider_works_with_the_keyboard_and_announces_the_result(window: Window) -> None:
    page = window.open("lenet5")
    slider = page.get_by_label("Batch size", exact=True)
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")

    assert slider.get_attribute("aria-valuetext") == "6 images"
    assert page.input_value("#batch") == "6"
    assert shown_bytes(page) == said_bytes(cnncalc.account_memory("lenet5", batch=6))
    page.locator("#status", has_text="lenet5, 6 images, momentum: training ").wait_for(state="attached")


def test_a_batch_of_any_size_is_exact(window: Window) -> None:
    """More than the 53 bits of a JavaScript number."""
    page = window.open("vgg16")
    page.fill("#batch", "123456789012345")

    assert shown_bytes(page) == said_bytes(cnncalc.account_memory("vgg16", batch=123_456_789_012_345))


def test_an_invalid_batch_gets_a_message(window: Window) -> None:
    page = window.open("lenet5")
    before = shown_bytes(page)
    for text in ("0", "-1", "1.5", "many", "", "1" * 19):
        page.fill("#batch", text)
        assert page.get_attribute("#batch", "aria-invalid") == "true"
        assert page.inner_text("#batch-wrong") == "An integer of at least 1."
        assert shown_bytes(page) == before
    page.fill("#batch", "12")
    assert page.inner_text("#batch-wrong") == ""
    assert page.get_attribute("#batch", "aria-invalid") == "false"


def test_the_largest_batch_of_live_tensors_is_that_of_fit(window: Window) -> None:
    page = window.open("resnet18")
    page.get_by_label("Optimizer", exact=True).select_option("adam")
    for room, memory in (("8GiB", 8 * 1024**3), ("512 MB", 512 * 1000**2), ("1.5 GiB", 3 * 2**29), ("1 KiB", 1024)):
        expected = fit(cnncalc.analyze("resnet18"), Options(optimizer="adam"), memory)
        page.get_by_label("Device memory").fill(room)
        assert page.get_attribute('[data-out="fits-training"]', "data-batch") == str(
            expected.training.largest_batch_live
        )
        assert page.get_attribute('[data-out="fits-inference"]', "data-batch") == str(
            expected.inference.largest_batch_live
        )


def test_an_invalid_memory_size_gets_a_message(window: Window) -> None:
    page = window.open("lenet5")
    page.fill("#room", "8 gigs")

    assert page.inner_text("#room-wrong") == "A number and a unit, such as 8 GiB."
    assert not page.locator(".fits").is_visible()


def test_one_slider_controls_both_nets(window: Window) -> None:
    page = window.open("vgg16", "vgg19")
    page.fill("#batch", "48")
    page.select_option("#optimizer", "nadam")

    for number, net in enumerate(("vgg16", "vgg19")):
        assert shown_bytes(page, number) == said_bytes(cnncalc.account_memory(net, batch=48, optimizer="nadam"))


def test_the_curve_is_drawn_to_scale(window: Window) -> None:
    """Heights are the logarithms of the peaks, and the dot is on the line."""
    page = window.open("vgg16")
    page.fill("#batch", "64")
    path, dot = page.evaluate(
        "[document.querySelector('#curve path.line.c0:not(.thin)').getAttribute('d'),"
        " ['cx', 'cy'].map(key => Number(document.querySelector('#curve circle.c0:not(.thin)').getAttribute(key)))]"
    )
    points = [tuple(map(float, point.split())) for point in re.findall(r"[ML]([0-9. ]+)", path)]
    simulation = Simulation(cnncalc.analyze("vgg16"), Options())
    peaks = [math.log(simulation.training(2**power).peak_bytes) for power in range(9)]
    (_, first), *_, (_, last) = points

    assert len(points) == 9
    for (_, height), peak in zip(points, peaks, strict=True):
        assert (height - first) / (last - first) == pytest.approx((peak - peaks[0]) / (peaks[-1] - peaks[0]), abs=0.001)
    assert dot == pytest.approx(points[6], abs=0.1)
    assert page.locator("#curve path.line").count() == 3


def test_the_differences_of_two_nets_are_sorted(window: Window) -> None:
    page = window.open("vgg16", "vgg19")
    assert page.locator("table.differences [aria-sort]").count() == 0
    assert seen(page, 1, "table.differences") == ["conv8", "relu8", "conv12", "relu12", "conv13", "relu13"]
    page.locator("table.differences").get_by_role("button", name="parameters").click()

    assert page.locator("table.differences [aria-sort]").inner_text() == "parameters"
    assert seen(page, 5, "table.differences")[0] == "+2.360M"
    assert seen(page, 5, "table.differences")[-1] == ""


# Theme, print, no program


def test_the_theme_follows_the_system_until_it_is_chosen(window: Window) -> None:
    def grounds(page: Page) -> list[str]:
        found: list[str] = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.querySelector('figure svg .ground')).fill]"
        )
        return found

    light, dark = ["rgb(255, 255, 255)"] * 2, ["rgb(13, 17, 23)"] * 2
    schemes: tuple[tuple[ColorScheme, Any, Any], ...] = (("light", light, dark), ("dark", dark, light))
    for scheme, first, second in schemes:
        page = window.open("lenet5", color_scheme=scheme)
        assert grounds(page) == first
        page.get_by_role("button", name="Dark").click()
        assert grounds(page) == second
        page.keyboard.press("Enter")
        assert grounds(page) == first
        window.requests.pop()
    window.requests.append(window.address)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_stripes_are_visible_in_every_theme(window: Window, scheme: ColorScheme) -> None:
    """They distinguish the gradients of parameters in black and white."""
    page = window.open("lenet5", color_scheme=scheme)
    fills = page.eval_on_selector_all("figure.training .gradients", "all => all.map(one => getComputedStyle(one).fill)")

    assert len(fills) >= 4  # the area and its key, for wide and for narrow windows
    assert all(fill.startswith("url(") for fill in fills)


def test_every_label_of_the_curve_is_complete(window: Window) -> None:
    page = window.open("resnet50", "resnet50-v1.5")
    ends = page.eval_on_selector_all(
        "#curve text", "all => all.map(one => one.getBBox()).map(box => box.x + box.width)"
    )

    assert ends
    assert max(ends) <= page.evaluate("document.querySelector('#curve svg').viewBox.baseVal.width")
    assert page.locator("#curve text", has_text="training resnet50-v1.5").count() == 1


def test_print_has_all_rows_and_no_controls(window: Window) -> None:
    page = window.open("resnet152", color_scheme="dark")
    assert len(seen(page, 1)) == 11
    page.emulate_media(media="print")

    assert len(seen(page, 1)) == 515 + 58
    for hidden in ("#tools", "#controls", "#theme", "nav"):
        assert not page.locator(hidden).is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('#layers thead')).display") == "table-header-group"


def test_without_javascript_the_page_is_complete_and_has_no_controls(window: Window) -> None:
    page = window.open("googlenet", javascript=False)
    rows = page.locator("#layers tbody tr")

    assert rows.last.is_visible()
    assert rows.count() == rows.locator("visible=true").count() > len(cnncalc.analyze("googlenet").layers)
    for hidden in ("#tools", "#controls", "#theme"):
        assert not page.locator(hidden).is_visible()
    peak = Simulation(cnncalc.analyze("googlenet"), Options()).training(1).peak_bytes
    assert page.locator('[data-out="training-exact"]').inner_text() == f"{peak:,} bytes"
    assert page.locator("figure svg").first.is_visible()
    assert page.locator("table.batches tbody tr").count() == 9


def test_every_control_is_reachable_with_the_keyboard(window: Window) -> None:
    page = window.open("resnet18")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    while True:
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
    assert {"search", "fold", "unfold", "MACs", "layer1", "slide", "batch", "optimizer", "room"} <= reached
