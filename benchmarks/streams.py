"""Every command with every stream, place, locale and terminal that a user may give it; writers at one time; interrupts.

    python -m benchmarks.streams [--number N] [--seed N] [PART ...]

Each call is a process of its own. What must hold of every one: it ends within a minute; its exit code is one that the
manual names, or it dies by the signal that was sent; there is no traceback and no internal error; no control character
but a line feed and a tab reaches a stream, and on a terminal colours; no temporary file is left.

PARTs: streams (closed, full, left early), places (folders that are missing, read-only or gone, devices, strange names),
locales, terminals, writers (two processes write one document or one file of points), interrupts. ``--number`` is how
many interrupts are sent (default: 2000), at moments drawn at random from the start of a process to its end; before the
first line of the program a traceback is Python's own, and only counted.

Prints each fault, and a line for each part; exits with 1 if there is a fault. Run it from the checkout. It takes half
an hour on two idle cores. A read-only folder is mounted where this is allowed.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import random
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from tests.calls import COMMAND, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 60
NET = "INPUT 9x11x3 -> CONV3-7 -> RELU -> FC-5"
FAMILY = "INPUT 9x11x3 -> CONV3-{w} -> FC-5"
CALLS: dict[str, tuple[str, ...]] = {
    "table": ("table", NET), "table of a file": ("table", "net.yaml"), "table json": ("table", NET, "--format", "json"),
    "list": ("list",), "kinds": ("kinds",), "kind": ("kinds", "conv"), "show": ("show", "net.yaml"),
    "explain": ("explain", NET, "conv1"), "verify": ("verify", NET), "memory": ("memory", NET),
    "fit": ("fit", NET, "--memory", "8GiB"), "devices": ("fit", "--list-devices"),
    "solve": ("solve", FAMILY, "--for", "w=1..9", "--max", "parameters=1K"),
    "sweep": ("sweep", FAMILY, "--vary", "w=1..9"), "formula": ("formula", FAMILY, "--in", "w"),
    "check": ("check", "net.yaml", "--max", "parameters=1K"), "check all": ("check", "."),
    "diff": ("diff", NET, "net.yaml"), "plot": ("plot", NET), "png": ("plot", NET, "--format", "png"),
    "report": ("report", NET), "docs": ("docs", "--check", "page.md"), "docs diff": ("docs", "--diff", "page.md"),
    "value": ("value", NET, "macs"), "schema": ("schema",), "convert": ("convert", NET),
    "torch": ("convert", NET, "--to", "torch"), "tflite": ("convert", NET, "--to", "tflite"),
    "help": ("--help",), "help of table": ("table", "--help"), "version": ("--version",), "nothing": (),
    "wrong": ("tabel", NET),
}  # fmt: skip
"""One call of every command, and of the ways in which some of them write otherwise."""
BINARY = ("png", "tflite")
"""Those whose output is no text."""
QUIET = ("nothing", "wrong", "docs", "check all")
"""Those that write little or nothing to standard output."""
DESIGN = f"name: größe\ntitle: 卷积 → net\nlayers: {NET!r}\nbudget:\n  parameters: 1K\n"
PAGE = """# Page

<!-- cnncalc: value net.yaml parameters -->1<!-- /cnncalc -->

<!-- cnncalc: table net.yaml --format markdown -->
<!-- /cnncalc -->
"""
WRONG = ("Traceback", "(internal error", "Exception ignored", "Fatal Python", "Segmentation")


class Case(NamedTuple):
    """A call: ``shell`` is text of the shell around it, in which ``{call}`` stands for the call."""

    name: str
    words: tuple[str, ...]
    shell: str = "{call}"
    variables: tuple[tuple[str, str], ...] = ()
    codes: tuple[int, ...] = (0, 1, 2)
    is_text: bool = True


def filled(folder: Path) -> Path:
    """The folder, which is made, with the files that the calls name."""
    folder.mkdir()
    for name in ("net.yaml", "größe.yaml"):
        (folder / name).write_text(DESIGN, encoding="utf-8")
    for name in ("page.md", "größe.md"):
        (folder / name).write_text(PAGE, encoding="utf-8")
    return folder


def unfit(data: bytes, *, is_terminal: bool = False) -> str | None:
    """What is wrong about the characters of an output; None if nothing is."""
    text = data.decode("utf-8", "replace")
    if is_terminal:
        text = re.sub("\x1b\\[[0-9;]*m", "", text).replace("\r", "")  # ends of lines, and a line that is drawn again
    for place, character in enumerate(text):
        is_control = unicodedata.category(character) in ("Cc", "Zl", "Zp") or character in "\u202a\u202b\u202d\u202e"
        if is_control and character not in "\n\t":
            return f"{character!r} in {text[max(0, place - 40) : place + 20]!r}"
    return None


def fault_of(case: Case, done: subprocess.CompletedProcess[bytes]) -> str | None:
    """What is wrong about the end of a call; None if nothing is."""
    errors = done.stderr.decode("utf-8", "replace")
    text = errors + (done.stdout.decode("utf-8", "replace") if case.is_text else "")
    for word in WRONG:
        if word in text.replace("an internal error", ""):
            return f"{word!r}, exit code {done.returncode}: {errors[-600:]}"
    if done.returncode not in case.codes:
        return f"exit code {done.returncode}: {errors[-300:]}"
    return unfit(done.stderr) or (unfit(done.stdout) if case.is_text else None)


def run(case: Case, folder: Path) -> str | None:
    """Runs a case; what is wrong about it."""
    command = case.shell.replace("{call}", shlex.join([*COMMAND, *case.words]))
    try:
        done = subprocess.run(
            ["/bin/bash", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, check=False, cwd=folder,
            timeout=SECONDS, env=environment(**dict(case.variables)),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "it does not end"
    return fault_of(case, done)


def faults_of(cases: list[Case], folder: Path) -> Iterator[str]:
    """The faults of all cases, which run on every core."""
    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        for case, what in zip(cases, pool.map(lambda case: run(case, folder), cases), strict=True):
            if what is not None:
                yield f"{case.name}: {what}"
    for path in folder.rglob("*.tmp"):
        yield f"left behind: {path.name}"


def streams(folder: Path) -> Iterator[str]:
    """Standard streams that are closed, full, or left early by their reader."""
    usual, nothing = (0, 1, 2), (2,)
    around = {
        "{call} | head -n 1; exit ${PIPESTATUS[0]}": usual, "{call} | true; exit ${PIPESTATUS[0]}": usual,
        "{call} >&-": nothing, "{call} 2>&-": usual, "{call} <&-": usual, "{call} >&- 2>&-": nothing,
        "{call} <&- >&- 2>&-": nothing, "{call} > /dev/full": nothing, "{call} 2> /dev/full": usual,
        "{call} > /dev/full 2>&1": nothing, "{call} 2>&1 | true; exit ${PIPESTATUS[0]}": usual,
    }  # fmt: skip
    cases = [
        Case(f"{name}: {shell}", words, shell, (), usual if name in QUIET else codes, name not in BINARY)
        for name, words in CALLS.items()
        for shell, codes in around.items()
    ]
    readers = (("table", "-"), ("diff", "-", "vgg16"), ("check", "-"), ("convert", "-"), ("value", "-", "macs"))
    for shell in ("{call} <&-", "{call} < /dev/null", "{call} < /dev/zero", "yes | {call}"):
        cases += [Case(f"{' '.join(words)}: {shell}", words, shell, (), nothing) for words in readers]
    yield from faults_of(cases, folder)


OUTPUTS: dict[str, tuple[tuple[str, ...], str]] = {
    "table": ((*CALLS["table"], "-o"), ""), "memory": ((*CALLS["memory"], "-o"), ""),
    "check": ((*CALLS["check"], "-o"), ""), "plot": ((*CALLS["plot"], "-o"), ".svg"),
    "report": ((*CALLS["report"], "-o"), ".html"), "schema": (("schema", "-o"), ".json"),
    "convert": ((*CALLS["convert"], "--to", "yaml", "-o"), ".yaml"), "show": ((*CALLS["show"], "-o"), ""),
    "value": ((*CALLS["value"], "-o"), ""), "sweep": ((*CALLS["sweep"], "-o"), ""),
    "points": ((*CALLS["sweep"], "--points"), ".csv"), "drawing": ((*CALLS["sweep"], "--plot"), ".svg"),
    "docs": (("docs", "--syntax", "markdown"), ".md"), "configuration": (("check", "net.yaml", "--config"), ".toml"),
    "baseline": (("check", "net.yaml", "--baseline"), ".json"), "list": (("sweep", FAMILY, "--from"), ".csv"),
}  # fmt: skip
"""Calls whose last word is a file, and its ending."""
PLACES = (
    "none/x", "file/x", "folder", "folder/", "readonly/x", "fifo", "/dev/full", "/dev/null", "link", "loop", ".", "..",
    "a" * 300, "b" * 250, "\n\x1b]0;evil\x07", "\u202e\x9b31m", "\udcff", " ", "-", "~", "", "/proc/x",
    "x" + "/y" * 3000,
)  # fmt: skip


def places(folder: Path) -> Iterator[str]:
    """Files that cannot be written, or not as a file."""
    (folder / "file").write_text("kept", encoding="utf-8")
    os.mkfifo(folder / "fifo")
    (folder / "link").symlink_to("nowhere/x")
    (folder / "loop").symlink_to("loop")
    cases = []
    for name, (words, ending) in OUTPUTS.items():
        for place in PLACES:
            for end in dict.fromkeys(("", ending)):
                cases.append(Case(f"{name} to {place[:40]!r}{end}", (*words, place + end)))
    for name, words in CALLS.items():
        shell = "mkdir gone-$$ && cd gone-$$ && rmdir ../gone-$$ && {call}"
        cases.append(Case(f"{name} in a folder that is gone", words, shell, is_text=name not in BINARY))
        cases.append(Case(f"{name} to a file there", (*words, "-o", "x"), shell, is_text=name not in BINARY))
    with ExitStack() as stack:
        for name in ("folder", "readonly"):
            (folder / name).mkdir()
        mount = ["/bin/mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder / "readonly")]
        with suppress(OSError):
            if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
                unmount = ["/bin/umount", str(folder / "readonly")]
                stack.callback(lambda: subprocess.run(unmount, check=True))
        yield from faults_of(cases, folder)


def locales(folder: Path) -> Iterator[str]:
    """Encodings of the environment, and names beyond ASCII."""
    codes = ("ascii", "latin-1", "cp1252", "ascii:strict", "utf-7", "utf-8-sig", "shift_jis")
    choices: dict[str, dict[str, str]] = {
        "C": {"LC_ALL": "C"},
        "POSIX": {"LC_ALL": "POSIX"},
        "ASCII": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        "Turkish": {"LC_ALL": "tr_TR.UTF-8"},
        "unknown": {"LC_ALL": "xx_YY.nonsense"},
        **{code: {"PYTHONIOENCODING": code} for code in codes},
    }
    more = {
        "file": ("table", "größe.yaml"), "bytes": ("table", "\udcff.yaml"), "arrow": ("table", "INPUT → FC"),
        "missing": ("value", "卷积.yaml", "macs"), "written": ("table", NET, "-o", "größe.txt"),
        "page": ("docs", "--check", "größe.md"), "markdown": ("table", "größe.yaml", "--format", "markdown"),
        "html": ("report", "größe.yaml"), "points": (*CALLS["sweep"], "--points", "größe.csv"),
        "graph": ("plot", "größe.yaml", "--kind", "graph"), "yaml": ("convert", "größe.yaml"),
    }  # fmt: skip
    cases = [
        Case(f"{name} in {locale}", words, "{call}", tuple(variables.items()), is_text=name not in BINARY)
        for locale, variables in choices.items()
        for name, words in {**CALLS, **more}.items()
    ]
    yield from faults_of(cases, folder)


def on_terminal(words: tuple[str, ...], width: int, folder: Path, **variables: str) -> tuple[int, bytes]:
    """Exit code and output of a call on a terminal of that width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *words], stdin=follower, stdout=follower, stderr=follower, cwd=folder,
        env=environment(PYTHONUTF8="1", **variables),
    )  # fmt: skip
    os.close(follower)
    parts = []
    with suppress(OSError):  # the program has ended
        while part := os.read(leader, 65536):
            parts.append(part)
    os.close(leader)
    return process.wait(timeout=SECONDS), b"".join(parts)


def terminals(folder: Path) -> Iterator[str]:
    """Widths of terminals, and the variables that describe them."""
    for name, words in CALLS.items():
        for width in (1, 2, 3, 7, 10, 20, 40, 0, 65535):
            code, output = on_terminal(words, width, folder)
            what = unfit(output, is_terminal=True)
            if code not in (0, 1, 2) or b"Traceback" in output or what is not None:
                yield f"{name} on a terminal of {width} columns: exit code {code}, {what or output[-300:]!r}"
        plain = ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "unknown"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"})
        for variables in plain:
            code, output = on_terminal(words, 80, folder, **variables)
            if code not in (0, 1, 2) or b"\x1b" in output:
                yield f"{name} on a terminal with {variables}: exit code {code}, {output[:200]!r}"
    cases = []
    for variables in (
        {"FORCE_COLOR": "1", "NO_COLOR": "1"}, {"TERM": ""}, {"COLUMNS": "-3"}, {"COLUMNS": "x", "LINES": "y"},
        {"COLUMNS": "9" * 30, "FORCE_COLOR": "1", "NO_COLOR": "1"},
    ):  # fmt: skip
        given = tuple(variables.items())
        cases += [Case(f"{name} with {variables}", words, "{call}", given, is_text=name not in BINARY)
                  for name, words in CALLS.items()]  # fmt: skip
    yield from faults_of(cases, folder)


def writers(folder: Path) -> Iterator[str]:
    """Two processes that write one document or file: what is left is one of the two texts. Points: one of them."""
    bodies = {}
    for net in ("resnet152", "lenet5"):
        subprocess.run([*COMMAND, "table", net, "-o", "one.txt"], cwd=folder, env=environment(), check=True)
        bodies[(folder / "one.txt").read_bytes()] = net
    page = PAGE.replace("net.yaml", "resnet50") * 20
    (folder / "both.md").write_text(page, encoding="utf-8")
    subprocess.run([*COMMAND, "docs", "both.md"], cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)
    fresh = (folder / "both.md").read_bytes()
    for turn in range(40):
        both = [
            subprocess.Popen([*COMMAND, "table", net, "-o", "one.txt"], cwd=folder, env=environment())
            for net in bodies.values()
        ]
        if [each.wait(timeout=SECONDS) for each in both] != [0, 0]:
            yield "two tables into one file: an exit code that is not 0"
        if (folder / "one.txt").read_bytes() not in bodies:
            yield f"two tables into one file: a mixture, {(folder / 'one.txt').stat().st_size} bytes"
        (folder / "both.md").write_text(page, encoding="utf-8")
        both = [
            subprocess.Popen([*COMMAND, "docs", "both.md"], cwd=folder, env=environment(),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]  # fmt: skip
        codes = [each.wait(timeout=SECONDS) for each in both]
        if not set(codes) <= {0, 2} or 0 not in codes or (folder / "both.md").read_bytes() != fresh:
            yield f"two updates of one document: exit codes {codes}"
        words = ("sweep", FAMILY, "--vary", f"w=1..{200 + turn}", "--executor", "serial", "--points", f"p{turn}.csv")
        both = [
            subprocess.Popen([*COMMAND, *words], cwd=folder, env=environment(), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]  # fmt: skip
        codes = [each.wait(timeout=SECONDS) for each in both]
        lines = (folder / f"p{turn}.csv").read_text(encoding="utf-8").splitlines()
        if not set(codes) <= {0, 2} or 0 not in codes or len(lines) != 202 + turn or len(set(lines)) != len(lines):
            yield f"two sweeps into one file: exit codes {codes}, {len(lines)} lines"
    for path in folder.rglob("*.tmp"):
        yield f"left behind: {path.name}"


INTERRUPTED: tuple[tuple[str, ...], ...] = (
    CALLS["table"], CALLS["table of a file"], CALLS["help"], ("verify", "lenet5"), ("check", "."), ("list",),
    ("docs", "page.md"), ("table", "resnet50", "-o", "out.txt"), ("report", "lenet5", "-o", "out.html"),
    (*CALLS["sweep"], "--points", "points.csv", "--executor", "processes:2"), CALLS["solve"], CALLS["diff"],
)  # fmt: skip


def interrupts(folder: Path, number: int, seed: int) -> Iterator[str]:
    """Signals at random moments from the start of a process to its end."""
    source = random.Random(seed)  # noqa: S311  # the same moments on every run
    seconds = {}
    for words in INTERRUPTED:
        start = time.perf_counter()
        subprocess.run([*COMMAND, *words], cwd=folder, env=environment(), capture_output=True, check=False)
        seconds[words] = time.perf_counter() - start
    ends: Counter[str] = Counter()

    def send(words: tuple[str, ...], sent: signal.Signals, delay: float) -> tuple[str, str | None]:
        process = subprocess.Popen(
            [*COMMAND, *words], cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        time.sleep(delay)
        process.send_signal(sent)
        errors = process.communicate(timeout=SECONDS)[1].decode("utf-8", "replace")
        end = {0: "ended before", 1: "ended before", 130: "130", -sent: "died by the signal"}.get(process.returncode)
        if "Traceback" in errors and not re.search(r"cli/__init__\.py\", line \d+, in main", errors):
            return "before the first line", None
        what = f"exit code {process.returncode}: {errors[-900:]}"
        is_wrong = end is None or any(word in errors for word in WRONG)
        return end or "otherwise", f"{' '.join(words)} after {sent.name}: {what}" if is_wrong else None

    draws = []
    for _ in range(number):
        words = source.choice(INTERRUPTED)
        sent = source.choice((signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        draws.append((words, sent, source.uniform(0, 1.3 * seconds[words])))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for end, fault in pool.map(lambda draw: send(*draw), draws):
            ends[end] += 1
            if fault is not None:
                yield fault
    for path in folder.rglob("*.tmp"):
        yield f"left behind: {path.name}"
    print("  " + ", ".join(f"{count} {end}" for end, count in ends.most_common()))


PARTS: dict[str, Callable[[Path], Iterator[str]]] = {
    "streams": streams, "places": places, "locales": locales, "terminals": terminals, "writers": writers,
}  # fmt: skip


def main() -> int:
    """Runs the parts; 1 if there is a fault."""
    parser = argparse.ArgumentParser(description="Streams, places, locales, terminals, writers and interrupts.")
    parser.add_argument("parts", nargs="*", metavar="PART", help="default: all", choices=[*PARTS, "interrupts", []])
    parser.add_argument("--number", type=int, default=2000, help="interrupts that are sent")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of interrupts")
    arguments = parser.parse_args()
    count = 0
    for name in arguments.parts or [*PARTS, "interrupts"]:
        start, found = time.perf_counter(), 0
        with TemporaryDirectory() as place:
            folder = filled(Path(place, "work"))
            if name == "interrupts":
                faults = interrupts(folder, arguments.number, arguments.seed)
            else:
                faults = PARTS[name](folder)
            for fault in faults:
                found += 1
                print(f"FAULT {fault}", flush=True)
        print(f"{name}: {found} faults, {time.perf_counter() - start:.0f} s", flush=True)
        count += found
    return min(count, 1)


if __name__ == "__main__":
    sys.exit(main())
