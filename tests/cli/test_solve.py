"""``cnncalc solve`` on the command line: answers, exit codes, messages, JSON, documents."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.search.members import Members
from tests.calls import called

if TYPE_CHECKING:
    from pathlib import Path

NET = "INPUT 16x16x3 -> CONV3-{w} -> RELU -> POOL -> FC-10"
"""9*3*w + w parameters of the CONV, 64*w*10 + 10 of the FC: 668*w + 10."""
GROUPED = "INPUT 8x8x4 -> CONV3-{w}(groups=4) -> GAP -> FC-2"


def data(*words: str, code: int = 0) -> dict[str, Any]:
    done = called("solve", *words, "--format", "json")
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_answer_and_the_neighbour_that_breaks() -> None:
    assert data(NET, "--for", "w=1..40", "--max", "parameters=20K") == {
        "schema": 1,
        "architecture": "pattern",
        "variables": {"w": 29},
        "figures": {"parameters": 668 * 29 + 10},
        "limits": [{"key": "parameters", "limit": 20_000, "value": 668 * 29 + 10}],
        "next": {"variables": {"w": 30}, "breaks": "parameters", "value": 668 * 30 + 10},
        "analysed": 12,
    }


def test_an_answer_at_the_end_of_its_range_has_no_next() -> None:
    assert data(NET, "--for", "w=1..20", "--max", "parameters=20K")["next"] is None


def test_nothing_fits() -> None:
    """The nearest miss, and the limit that no design keeps rather than the one that is broken most."""
    found = data(NET, "--for", "w=5..40", "--max", "parameters=3K", code=1)
    assert (found["variables"], found["figures"], found["next"]) == (None, None, None)
    assert found["nearest"] == {
        "variables": {"w": 5},
        "figures": {"parameters": 3350},
        "blame": "parameters",
        "limit": 3000,
        "value": 3350,
    }
    found = data(NET, "--for", "w=5..40", "--max", "parameters=5K", "--min", "macs=1G", code=1)
    assert found["nearest"]["blame"] == "macs"


def test_the_text_of_an_answer() -> None:
    done = called("solve", NET, "--for", "w=1..40", "--max", "parameters=20K")
    assert done.returncode == 0
    assert done.stdout == (
        "pattern: largest w with parameters at most 20,000\n"
        "w=29: within the limit\n"
        "next: with w=30 parameters is 20,050, 0.3 % (50) above the limit\n"
        "\n"
        "figure                limit    w=29  of limit  next: w=30\n"
        "----------  -------  ------  ------  --------  ----------\n"
        "parameters  at most  20,000  19,382    96.9 %      20,050\n"
        "\n"
        f"table of this design  cnncalc table {shlex.quote(NET)} --set w=29\n"
        "search                12 of 40 designs analysed: every one that could be better\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        [NET, "--for", "w=1..40", "--max", "parameters=20K"],
        ["lenet5", "--for", "input=28..64/4", "--max", "parameters=200K", "--set", "classes=7"],
        ["mobilenet-v2", "--for", "alpha=0.35,0.5,0.75", "--max", "parameters=2M", "--classes", "10"],
    ],
)
def test_the_command_of_an_answer_prints_its_table(words: list[str]) -> None:
    text = called("solve", *words).stdout
    command = next(line for line in text.splitlines() if line.startswith("table of this design"))
    table = called(*shlex.split(command.partition("cnncalc ")[2]), "--format", "json")
    found = data(*words)
    assert json.loads(table.stdout)["totals"]["parameters"] == found["figures"].get("parameters")


@pytest.mark.slow
def test_memory_is_what_fit_says() -> None:
    """The largest batch of fit, with the options of the call."""
    options = ["--input", "192x192x3", "--optimizer", "adam", "--autocast", "bfloat16"]
    found = data("resnet18", "--for", "batch=1..300", "--memory", "2GiB", *options)
    done = json.loads(called("fit", "resnet18", "--memory", "2GiB", *options, "--format", "json").stdout)
    assert found["variables"] == {"batch": done["training"]["largest_batch"]}
    assert found["next"]["value"] == done["training"]["next_need_bytes"]
    live = data("resnet18", "--for", "batch=1..300", "--memory", "2GiB", "--reserve", "0", *options)
    assert live["variables"] == {"batch": done["training"]["largest_batch_live"]}


def test_broken_designs_are_skipped_and_said() -> None:
    done = called("solve", GROUPED, "--for", "w=1..21", "--max", "parameters=1M")
    assert "w=20: within the limit" in done.stdout
    assert (
        "1 of these is invalid, as w=21: conv1: the filters must be divisible by groups, but 21 filters" in done.stdout
    )


def test_a_name_that_some_members_do_not_read_varies_all_the_same(tmp_path: Path) -> None:
    """Without repeats nothing reads w; that is no broken design."""
    net = tmp_path / "net.yaml"
    net.write_text("variables: {w: 8, n: 1}\nlayers: INPUT 8x8x3 -> [CONV3-w -> RELU]*n -> GAP -> FC-2\n")
    words = ["--for", "n=0..2", "--for", "w=1..5", "--max", "parameters=40", "--best", "max:w"]
    found = data(str(net), *words)
    assert found["variables"] == {"n": 0, "w": 5}
    assert found["figures"]["parameters"] == 8


def test_warnings_of_every_member_are_written_once() -> None:
    done = called("solve", NET, "--for", "w=1..9", "--max", "macs=1M", "--hidden", "7")
    assert done.stderr.count("--hidden 7 has no effect") == 1


def test_a_lower_limit_on_what_is_only_an_upper_bound_is_refused() -> None:
    net = "INPUT 16x16x4 -> [CONV3-{w} | CONV5-4] -> CONCAT -> SLICE(0, to=4) -> CONV3-2"
    words = ["solve", net, "--for", "w=4..9"]
    assert called(*words, "--max", "receptive_field=9").returncode == 0
    done = called(*words, "--min", "receptive_field=2")
    assert done.returncode == 2
    assert "receptive_field is at most 7 and may be less, so a lower limit cannot be checked" in done.stderr


def test_several_ranges_with_ties() -> None:
    """Of equal receptive fields the design with fewer parameters, though it is not the first."""
    words = ["--for", "w=8..2/2", "--for", "k=3,5,1"]
    net = "INPUT 16x16x3 -> CONV{k}-{w} -> CONV1-4"
    done = called("solve", net, *words, "--max", "macs=1M", "--best", "max:receptive_field")
    assert "the range is empty: its lower end 8 is above its upper end 2" in done.stderr
    words = ["--for", "w=4..16/4", "--for", "k=3,5,1"]
    found = data(net, *words, "--max", "macs=1M", "--best", "max:receptive_field")
    assert found["variables"] == {"w": 4, "k": 5}
    assert list(found["figures"]) == ["macs", "receptive_field", "parameters"]


BAD = [
    (["--max", "macs=1M"], "error[usage]: solve needs --for\n  = hint: --for width=8..64\n"),
    (
        ["--for", "w=1..9"],
        "error[usage]: solve needs a limit: --max, --min or --memory\n"
        "  = hint: --max parameters=4M, --memory 8GiB, or --min receptive_field=100\n",
    ),
    (
        ["--for", "w=9..1", "--max", "macs=1M"],
        "--for:1:3: error[wrong-range]: the range is empty: its lower end 9 is above its upper end 1\n  |\n"
        "1 | w=9..1\n  |   ^^^^\n  = hint: --for w=1..9\n",
    ),
    (
        ["--for", "v=1..9", "--set", "w=3", "--max", "macs=1M"],
        "error[unknown-variable]: 'v' changes nothing: the design has no variable 'v' (it has w)\n",
    ),
    (
        ["--for", "w=1..9", "--set", "w=3", "--max", "macs=1M"],
        "error[usage]: 'w' varies by --for, but the call sets it too\n  = hint: keep one of them\n",
    ),
    (
        ["--for", "w=1..9", "--max", "parameters=1K", "--min", "parameters=2K"],
        "--min:1:12: error[wrong-value]: parameters: min 2K is above max 1K: no value satisfies both\n",
    ),
    (
        ["--for", "w=1..9", "--memory", "2GiB", "--min", "training_need=3GiB"],
        "error[wrong-value]: contradictory limits: training_need cannot be at least 3.000 GiB and at most 2.000 GiB\n",
    ),
    (
        ["--for", "w=1..9", "--max", "parameters=+5%"],
        "--max:1:12: error[wrong-value]: parameters: +5% is relative, and a search has no base\n",
    ),
    (
        ["--for", "w=1..9", "--for", "batch=1..9", "--max", "training_memory=1GiB"],
        "error[usage]: several ranges need --best\n"
        "  = hint: --best max:w, or --best min:macs\n",
    ),
    (
        ["--for", "w=1..9", "--max", "macs=1M", "--best", "max:parametrs"],
        "--best:1:5: error[unknown-key]: 'parametrs' is neither a key of budgets nor a variable with a range; "
        "did you mean 'parameters'?\n"
        "  |\n1 | max:parametrs\n  |     ^^^^^^^^^\n",
    ),
    (
        ["--for", "w=1..9", "--max", "macs=1M", "--best", "most:macs"],
        "--best:1:1: error[wrong-value]: expected max:KEY or min:KEY, as in max:parameters, found 'most:macs'\n",
    ),
    (
        ["--for", "batch=1..9", "--set", "w=3", "--max", "macs=1M"],
        "error[usage]: the batch changes nothing: macs does not depend on it\n"
        "  = hint: limit training_memory, or another key that has a batch\n",
    ),
    (
        ["--for", "batch=1..9", "--set", "w=3", "--max", "training_memory=1GiB,batch=4"],
        "error[usage]: the batch changes nothing: the limit on training_memory sets batch=4\n"
        "  = hint: leave out batch=4\n",
    ),
    (
        ["--for", "w=1..9", "--memory", "200MiB", "--reserve", "300MiB"],
        "error[wrong-value]: the reserve (314,572,800 bytes) must be smaller than the memory (209,715,200 bytes)\n"
        "  = hint: --reserve 0 counts only live tensors\n",
    ),
    (["--for", "w=1..9", "--memory", "8"], "error[no-unit]: '8' has no unit: 8 bytes, or 8GiB?\n"),
    (
        ["--for", "w=0..0", "--max", "macs=1M"],
        "no design is valid; with w=0: ",
    ),
    (
        ["--for", "w=one,two", "--max", "macs=1M"],
        "error[usage]: the values of w have no order, so none is the largest or the smallest\n"
        "  = hint: add --best max:macs, or another key\n",
    ),
    (
        ["--for", "w=1..9", "--max", "training_need=1GiB,reserve=auto,profile=ideal"],
        "error[wrong-value]: reserve auto simulates PyTorch's caching allocator",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_wrong_calls(words: list[str], message: str) -> None:
    done = called("solve", NET, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_search_that_takes_too_much_is_refused() -> None:
    """One value in a million is large, in each of two ranges, and neither is monotone."""
    net = "INPUT 4x4x3 -> CONV1-{w} -> CONV1-{1 + (v*7919) % 1000003} -> FC-2"
    words = ["--for", "w=1..1000000", "--for", "v=1..1000000", "--max", "parameters=9M", "--best", "max:macs"]
    done = called("solve", net, *words)
    assert done.returncode == 2
    assert "error[limit]: macs is not monotone: " in done.stderr
    assert ", so all 1,000,000,000,000 designs would have to be analysed\n  = hint: narrow the ranges" in done.stderr
    words = ["--for", "batch=1..1000000", "--max", "training_memory=80GiB,checkpoint=best"]
    done = called("solve", "resnet50", *words)
    assert "training_memory (checkpoint best) may not be monotone, so all 1,000,000 designs would have" in done.stderr
    done = called("solve", NET, "--for", "w=1..1000001", "--max", "macs=1M", "--every")
    assert "at most 1,000,000 designs can be analysed one by one, but there are 1,000,001" in done.stderr


@pytest.mark.slow
def test_bisection_is_said_in_every_format() -> None:
    words = ["solve", NET, "--for", "w=1..1000000", "--max", "parameters=20K"]
    text = "by bisection, since each limited figure grows or falls steadily among these"
    assert text in called(*words).stdout
    assert text in called(*words, "--format", "json").stderr
    words = ["solve", "INPUT 8x8x3 -> CONV3-v -> CONV3-w -> FC-2", "--for", "v=1..3000", "--for", "w=1..3000"]
    assert (
        text.replace("bisection", "branch and bound")
        in called(*words, "--max", "parameters=90K", "--best", "max:v").stdout
    )


def test_an_interrupt_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Members, "value", interrupted)
    done = called("solve", NET, "--for", "w=1..9", "--max", "macs=1M")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_options_without_effect_are_warned_of() -> None:
    words = ["solve", NET, "--for", "w=1..9", "--max", "macs=1M"]
    assert "--batch has no effect: no figure of this search depends on it" in called(*words, "--batch", "8").stderr
    assert "--units has no effect: no figure of this search is in bytes" in called(*words, "--units", "si").stderr
    words = ["solve", "lenet5", "--for", "batch=1..9", "--max", "training_memory=1GiB"]
    assert called(*words, "--units", "si").stderr == ""
    assert "--batch has no effect: the batch varies" in called(*words, "--batch", "8").stderr


def test_a_document_calls_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    call = f"solve {shlex.quote(NET)} --for w=1..40 --max parameters=20K --format markdown --no-heading --brief"
    page.write_text(f"<!-- cnncalc: {call} -->\n<!-- /cnncalc -->\n")
    assert called("docs", str(page)).returncode == 0
    assert "| parameters | at most | 20,000 | 19,382 | 96.9 % | 20,050 |" in page.read_text()
    page.write_text(f"<!-- cnncalc: {call} --every -->\n<!-- /cnncalc -->\n")
    assert called("docs", str(page)).returncode == 2


# Python


@pytest.mark.slow
def test_python_and_the_command_agree() -> None:
    found = cnncalc.solve("mobilenet-v2", {"alpha": "0.25..2/0.05"}, max={"parameters": "4M"})
    assert found.best is not None
    assert found.best.variables == {"alpha": 1.05}
    said = data("mobilenet-v2", "--for", "alpha=0.25..2/0.05", "--max", "parameters=4M")
    assert found.best.figures == said["figures"]


def test_python_takes_sequences() -> None:
    sizes = [(64, 64, 3), (96, 96, 3), (32, 32, 3)]
    found = cnncalc.solve(
        "resnet18", {"input": sizes, "batch": range(1, 9)}, memory="1GiB", best="max:input", optimizer="sgd"
    )
    assert found.best is not None
    assert found.best.variables == {"input": (96, 96, 3), "batch": 1}
    same = cnncalc.solve(NET, {"w": [4, 8, 12]}, max={"parameters": 668 * 8 + 10})
    assert same.best is not None
    assert same.best.variables == {"w": 8}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cnncalc.solve(NET, {}, max={"macs": 1}), "ranges: expected a variable with its values"),
        (lambda: cnncalc.solve(NET, {"w": "1..9"}), "solve needs a limit: max, min or memory"),
        (lambda: cnncalc.solve(NET, {"w": range(10**9)}, max={"macs": 1}), "w: expected a text such as '8..64', or"),
        (lambda: cnncalc.solve(NET, {"w": [2, 2]}, max={"macs": 1}), "w: 2 is repeated in the list"),
        (lambda: cnncalc.solve(NET, {"batch": [0, 2]}, max={"macs": 1}), "batch: expected whole numbers of at least 1"),
        (lambda: cnncalc.solve(NET, {"w": []}, max={"macs": 1}), "w: expected 1 to 10,000 values, found 0"),
        (lambda: cnncalc.solve(NET, {"w": "1..9"}, max={"macs": "much"}), "macs: max: 'much' is not a count"),
        (lambda: cnncalc.solve(NET, {"w": "1..9"}, max=["macs"]), "expected names with values"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_python_refuses_wrong_calls(call: Any, message: str) -> None:
    with pytest.raises(cnncalc.CnncalcError) as error:
        call()
    assert message in str(error.value)
