"""Random nets on one to three sides that hold every layer kind with all its keys, for comparisons with PyTorch.

    net = random_net(seed)                  # the same seed gives the same net
    net.pattern                             # "INPUT 9x14x3 -> CONV(filters=5, pad=same) -> [GAP | ] -> MUL -> FC-4"

Keys are drawn by what reads them, so that a new kind is drawn as well; what a volume does not allow is drawn again.
There are forks whose branches are broadcast, references, shared and frozen parameters, windows, sequences, attention
and max pools that are undone. Which volume a layer gives is taken from the package, so that sizes fit.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.errors import ShapeError, ValueProblem
from cnncalc.layers import KINDS, keys, side_keys
from cnncalc.layers.base import REQUIRED
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.layers import Key, Layer

LARGEST = {1: 30, 2: 10, 3: 6}
"""Bounds of a side by the number of sides."""

MOST_ELEMENTS, MOST_PARAMETERS = 3_000, 30_000

COMMON = ("conv", "dwconv", "deconv", "pool", "avgpool", "bn", "ln", "linear", "relu", "pad", "slice")
"""Kinds that are drawn more often than others."""

RARE = ("fc", "flatten", "gap", "gmp", "rbf", "opaque")
"""Kinds that are drawn less often, since little can follow them."""

SINGLE = [kind for kind, cls in KINDS.items() if not (cls.is_merge or cls.is_input or cls.needs_second_input)]
LEARNING = [kind for kind in SINGLE if KINDS[kind].learns]
MERGES = [kind for kind, cls in KINDS.items() if cls.is_merge]
SECOND = [kind for kind, cls in KINDS.items() if cls.second_input and not cls.needs_second_input]

DECIMALS = (0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, -0.25, -0.5)


class State(NamedTuple):
    """The volume that a layer gives, and whether its sides before the last count the windows of a map."""

    volume: Volume
    has_windows: bool = False

    @property
    def is_sequence(self) -> bool:
        """Whether attention can work on it."""
        return len(self.volume.sides) == 1 or self.has_windows


class RandomNet(NamedTuple):
    """A pattern, and the volume of its last layer."""

    pattern: str
    output: Volume


def random_net(seed: int, *, items: int = 6, sides: int | None = None, without: Sequence[str] = ()) -> RandomNet:
    """The net of a seed; ``items`` bounds its outermost chain, ``without`` names kinds that it does not hold."""
    writer = Writer(Random(seed), without)  # noqa: S311
    state = writer.input(sides)
    parts, state = writer.chain(state, writer.pick.randint(1, items))
    tail, state = writer.tail(state)
    return RandomNet(" -> ".join([f"INPUT {writer.first.size}", *parts, *tail]), state.volume)


class Writer:
    """Draws layers and chains of layers as patterns, with the state behind them."""

    def __init__(self, pick: Random, without: Sequence[str] = (), *, elements: int = MOST_ELEMENTS) -> None:
        self.pick = pick
        self.without = frozenset(without)
        self.elements = elements
        self.labels = 0
        self.known: list[tuple[str, State]] = []  # what layers can refer to
        self.first = Volume(1, 1, 1)

    def input(self, sides: int | None) -> State:
        """Draws the volume of the images, whose sizes all differ where there are enough."""
        sides = sides or self.pick.choice((1, 2, 3))
        sizes = self.pick.sample(range(min(3, LARGEST[sides] // 2), LARGEST[sides] + 1), sides)
        self.first = Volume(*sizes, self.pick.choice([depth for depth in range(1, 7) if depth not in sizes]))
        return State(self.first)

    def allowed(self, kind: str) -> bool:
        """Whether nets may hold the kind."""
        return kind not in self.without

    def label(self) -> str:
        """A name that no layer has."""
        self.labels += 1
        return f"x{self.labels}"

    # chains

    def chain(self, state: State, items: int, depth: int = 0) -> tuple[list[str], State]:
        """Some layers, forks and references, one after the other."""
        parts: list[str] = []
        outside = len(self.known)
        for _ in range(items):
            form = self.pick.random()
            make: Callable[..., tuple[str, State] | None] = self.layer
            if form > 0.6 and depth < 2:
                make = self.fork if form > 0.84 else self.reference if form > 0.76 else self.passage
            found = make(state, depth) or self.layer(state, depth)
            text, state = found
            parts.append(text)
        if depth:
            del self.known[outside:]  # what is known in a branch is not known behind it
        return parts, state

    def layer(self, state: State, depth: int = 0) -> tuple[str, State]:
        """One layer of any kind that takes one volume; sometimes others can refer to it."""
        while True:
            kind = self.pick.choice((self.pick.choice(SINGLE), self.pick.choice(SINGLE), self.pick.choice(COMMON)))
            if kind in RARE and self.pick.random() < 0.7:
                continue
            found = self.drawn(kind, state)
            if found is None:
                continue
            text, after = found
            if self.pick.random() < 0.25:
                label = self.label()
                self.known.append((label, after))
                text += f"@{label}"
            return text, after

    def keeping(self, state: State, most: int = 2, kinds: Sequence[str] = SINGLE) -> list[str]:
        """Layers that leave the volume as it is."""
        parts: list[str] = []
        for _ in range(self.pick.randint(0, most)):
            found = self.one_keeping(state, kinds)
            parts += [found] if found else []
        return parts

    def one_keeping(self, state: State, kinds: Sequence[str] = SINGLE) -> str | None:
        """A layer that leaves the volume as it is."""
        for _ in range(40):
            found = self.drawn(self.pick.choice(kinds), state)
            if found is not None and found[1] == state:
                return found[0]
        return None

    def drawn(self, kind: str, state: State, *others: State, **given: Any) -> tuple[str, State] | None:
        """A layer of this kind with keys drawn, or given; None if no draw fits the volumes."""
        if not self.allowed(kind) or (KINDS[kind].takes_windows and not state.is_sequence):
            return None
        for _ in range(6):
            values = {**self.keys(kind, state.volume), **given}
            values = {name: value for name, value in values.items() if value is not None}
            found = self.placed(kind, values, state, *others)
            if found is not None:
                return written(kind, values, self.pick.random() < 0.15), found
        return None

    def placed(self, kind: str, values: dict[str, Any], *states: State) -> State | None:
        """The state behind a layer with these keys; None where they do not fit, or it is too large."""
        volumes = tuple([state.volume for state in states])
        try:
            layer = KINDS[kind](**values).on(len(volumes[0].sides))
            after = layer.output(*volumes)
            size = sum([array.count.value for array in (*layer.parameters(*volumes), *layer.buffers(*volumes))])
        except (ValueProblem, ShapeError):
            return None
        most = LARGEST[1] * 4 if len(after.sides) < 3 else LARGEST[2]
        if after.elements > self.elements or size > MOST_PARAMETERS or max(after.sides) > most:
            return None
        windows = KINDS[kind].makes_windows
        return State(after, states[0].has_windows if windows is None else windows)

    # forks and references

    def fork(self, state: State, depth: int) -> tuple[str, State] | None:
        """Branches and the layer that joins them."""
        kind = self.pick.choice(MERGES)
        if not self.allowed(kind):
            return None
        count = 2 if kind == "matmul" else self.pick.choice((2, 2, 3))
        given: dict[str, Any] = {}
        branches: list[tuple[list[str], State]] = []
        if kind == "concat":
            given["axis"] = self.pick.choice(("depth", *state.volume.names))
        elif kind == "matmul":
            given["transpose"] = self.pick.choice(("yes", "no"))
        for number in range(count):
            if depth == 0 and not number and self.pick.random() < 0.2:
                parts, after = self.chain(state, self.pick.randint(1, 2), depth + 1)
                if after != state:
                    parts, after = [], state
            else:
                parts, after = self.keeping(state), state
            if kind == "concat":
                after = self.with_other_size(parts, after, given["axis"])
            elif kind == "matmul":
                after = self.as_factor(parts, after, is_second=bool(number), is_transposed=given["transpose"] == "yes")
            elif self.pick.random() < 0.35:
                after = self.with_ones(parts, after)
            branches.append((parts, after))
        if kind == "div":
            branches[1:] = [([*parts, "SOFTPLUS"], after) for parts, after in branches[1:]]
        found = self.drawn(kind, *[after for _, after in branches], **given)
        if found is None:
            return None
        text = " | ".join([" -> ".join(parts) for parts, _ in branches])
        return f"[{text}] -> {found[0]}", found[1]

    def with_other_size(self, parts: list[str], state: State, axis: str) -> State:
        """Adds a layer that changes one side, or the depth, and nothing else."""
        place = state.volume.place(axis)
        kinds = ("conv", "linear", "slice", "pad") if axis == "depth" else ("slice", "pad", "concat")
        for _ in range(10):
            kind = self.pick.choice(kinds)
            found = self.drawn(kind, state, axis=axis) if kind == "slice" else None
            if kind in ("conv", "linear", "pad"):
                found = self.drawn(kind, state)
            if found is not None and found[1].volume.replaced(place, 1) == state.volume.replaced(place, 1):
                parts.append(found[0])
                return found[1]
        return state

    def with_ones(self, parts: list[str], state: State) -> State:
        """Adds a layer that makes some sides, or the depth, 1."""
        axes = self.names(state.volume)
        if self.pick.random() < 0.3 and self.allowed("gap"):
            parts.append(self.pick.choice(("GAP", "GMP")))
            return State(state.volume.point, state.has_windows)
        found = self.drawn("reduce", state, axes=axes)
        if found is None:
            return state
        parts.append(found[0])
        return found[1]

    def as_factor(self, parts: list[str], state: State, *, is_second: bool, is_transposed: bool) -> State:
        """Adds what makes of a volume the first or second factor of a matrix product with itself."""
        if not is_second:
            return state
        *before, last = state.volume.names
        if before and self.pick.random() < 0.4 and self.allowed("reduce"):
            axes = self.pick.sample(before, self.pick.randint(1, len(before)))
            parts.append(f"REDUCE(axes={shown(axes)})")
            for axis in axes:
                state = State(state.volume.replaced(state.volume.place(axis), 1), state.has_windows)
        if is_transposed:
            return self.with_other_size(parts, state, last) if self.pick.random() < 0.6 else state
        order = [*before, "depth", last]
        found = self.drawn("permute", state, order=order)
        if found is None:
            return state
        parts.append(found[0])
        return self.with_other_size(parts, found[1], "depth") if self.pick.random() < 0.6 else found[1]

    def reference(self, state: State, depth: int) -> tuple[str, State] | None:
        """A layer that reads what another layer gave, or shares its parameters."""
        if self.pick.random() < 0.25:
            return self.shared(state)
        known = self.pick.sample(self.known, len(self.known))
        for label, other in known:
            for kind in self.pick.sample([*MERGES, *SECOND], 8):
                if len(other.volume) != len(state.volume):
                    continue
                given = {"relative": None} if kind == "attention" else {"size": None, "factor": None}
                given = {name: value for name, value in given.items() if name in KINDS[kind].keys}
                found = self.drawn(kind, state, other, **given)
                if found is not None:
                    text, after = found
                    keys = text.partition("(")[2].rstrip(")")
                    return f"{kind.upper()}({', '.join(filter(None, (f'@{label}', keys)))})", after
        return None

    def shared(self, state: State) -> tuple[str, State] | None:
        """Two layers with the same parameters."""
        text = self.one_keeping(state, LEARNING)
        if text is None:
            return None
        label, between = self.label(), self.keeping(state, 1)
        frozen = text.replace("trainable=no", "").replace(", )", ")")
        opened = (
            f"{frozen[:-1]}, " if frozen.endswith(")") and not frozen.endswith("()") else f"{text.partition('(')[0]}("
        )
        return " -> ".join([f"{text}@{label}", *between, f"{opened}share={label})"]), state

    # layers that belong together

    def passage(self, state: State, depth: int) -> tuple[str, State] | None:
        """Layers around others that undo each other: sequences, windows, max pools."""
        makers = [self.through_windows, self.through_sequence, self.through_pool]
        return self.pick.choice(makers)(state)

    def through_windows(self, state: State) -> tuple[str, State] | None:
        """Windows, something on them, and the map again."""
        x = state.volume
        size = [self.pick.choice(divisors(side)) for side in x.sides]
        windows = self.placed("window", {"size": size}, state)
        if windows is None or not all(map(self.allowed, ("window", "unwindow"))):
            return None
        inside = self.keeping(windows, 1)
        found = self.drawn("attention", windows) if self.pick.random() < 0.7 else None
        if found is not None and found[1].volume == windows.volume:
            inside.append(found[0])
        end = f"UNWINDOW(size={shown(list(x.sides))}, window={shown(size)})"
        return " -> ".join([f"WINDOW(size={shown(size)})", *inside, end]), State(x)

    def through_sequence(self, state: State) -> tuple[str, State] | None:
        """A sequence with learned vectors and attention, and the map again."""
        x = state.volume
        sequence = State(Volume(x.positions, x.depth))
        if not all(map(self.allowed, ("sequence", "plane", "token", "attention"))):
            return None
        parts, count = ["SEQUENCE"], self.pick.randint(0, 2)
        if count:
            parts.append(f"TOKEN(count={count})")
            sequence = State(Volume(x.positions + count, x.depth))
        parts += self.keeping(sequence, 1)
        found = self.drawn("attention", sequence)
        if found is not None and found[1] == sequence:
            label = self.label()
            is_added = self.pick.random() < 0.4 and self.allowed("add")
            parts += [f"IDENTITY@{label}", found[0], f"ADD(@{label})"] if is_added else [found[0]]
        if count:
            parts.append(f"SLICE(from={count}, axis=length)")
        return " -> ".join([*parts, f"PLANE(size={shown(list(x.sides))})"]), State(x)

    def through_pool(self, state: State) -> tuple[str, State] | None:
        """A max pool and its inverse."""
        if not self.allowed("unpool"):
            return None
        found = self.drawn("pool", state, dilation=None, pad=self.pick.choice((None, None, 1)))
        if found is None:
            return None
        label = self.label()
        return " -> ".join([f"{found[0]}@{label}", *self.keeping(found[1], 1), f"UNPOOL(@{label})"]), state

    def tail(self, state: State) -> tuple[list[str], State]:
        """What ends a net: scores of classes, for the image or for each position."""
        ones, units, form = state.volume.point, self.pick.randint(2, 9), self.pick.randint(0, 8)
        if form == 0 and self.allowed("gap"):
            return ["GAP"], State(ones)
        if form == 1 and self.allowed("linear"):
            return [f"LINEAR-{units}"], State(state.volume.with_depth(units))
        if form == 2 and self.allowed("gap") and self.allowed("conv"):
            return [f"CONV1-{units}", "GAP", "SOFTMAX"], State(ones.with_depth(units))
        if form == 3 and self.allowed("flatten") and self.allowed("fc"):
            return ["FLATTEN", f"FC-{units}"], State(ones.with_depth(units))
        if form == 4 and self.allowed("conv"):
            return [f"CONV1-{units}"], State(state.volume.with_depth(units))
        return ([f"FC-{units}"], State(ones.with_depth(units))) if self.allowed("fc") else ([], state)

    # keys

    def keys(self, kind: str, x: Volume) -> dict[str, Any]:
        """Values of the keys that a layer must have, and of some others."""
        cls = KINDS[kind]
        values = {
            name: self.value(cls, item, x)
            for name, item in cls.keys.items()
            if item.default is REQUIRED or self.pick.random() < 0.35 or (name == "groups" and x.depth % 32)
        }
        if kind == "conv" and "groups" in values and "filters" in cls.keys:
            values["filters"] = values["groups"] * self.pick.randint(1, 2)
        if "connections" in values:
            count = values["filters"] = len(values["connections"]) if "connections" in values else 1
            assert count
            for name in ("groups", "standardized", "normed"):
                values.pop(name, None)
        if kind in ("conv", "fc", "local") and not {"filters", "units"} & set(values):
            values["units" if kind == "fc" else "filters"] = self.pick.randint(1, 6) * values.get("groups", 1)
        return values

    def names(self, x: Volume) -> list[str]:
        """Some of the names of sides and depth."""
        every = (*x.names, "depth")
        return self.pick.sample(every, self.pick.randint(1, len(every)))

    def value(self, cls: type[Layer], item: Key, x: Volume) -> Any:
        """A value that the reader of a key takes; not all fit the other keys and the volume."""
        pick, reader, sides = self.pick, item.reader, len(x.sides)

        def each(make: Callable[[int], int]) -> Any:
            """One number, or one for each side."""
            return pick.choice((make(min(x.sides)), [make(side) for side in x.sides]))

        if isinstance(reader, keys.Connections):
            count = pick.randint(1, 5)
            return [pick.sample(range(x.depth), pick.randint(1, x.depth)) for _ in range(count)]
        if isinstance(reader, keys.VolumeSize):
            parts = pick.choice((1, 2, 2, 3)) + 1
            return factors(pick, x.elements, parts)
        if isinstance(reader, side_keys.AnySizes):
            return factors(pick, x.positions if cls.kind != "attention" else x[-2], pick.choice((1, 2, 2, 3)))
        if isinstance(reader, side_keys.Shifts):
            return each(lambda side: pick.randint(-3, side))
        if isinstance(reader, side_keys.Sizes):
            if item.name in ("output", "size") and cls.kind != "window":
                return each(lambda side: pick.randint(1, side + 2))
            if item.name in ("block", "size"):
                return each(lambda side: pick.choice(divisors(side)[:4] if cls.kind == "window" else (1, 2, 2, 3)))
            return each(lambda side: pick.randint(1, min(4, side + 1)))
        if isinstance(reader, side_keys.Pad):
            return pick.choice(("same", "valid", each(lambda _: pick.randint(0, 2)), self.ends(sides, 0, 2)))
        if isinstance(reader, side_keys.Sides):
            return pick.choice((each(lambda _: pick.randint(-1, 2)), self.ends(sides, -1, 2), self.ends(sides, 0, 2)))
        if isinstance(reader, side_keys.SideOrder):
            return pick.sample((*x.names, "depth"), sides + 1)
        if isinstance(reader, side_keys.SideName):
            return pick.choice((*x.names, "depth"))
        if isinstance(reader, side_keys.SideNames):
            return self.names(x)
        if isinstance(reader, side_keys.Corner):
            return pick.choice(("centre", "begin", [pick.randint(0, 2) for _ in x.sides]))
        if isinstance(reader, side_keys.Factors):
            return pick.choice((1.5, 2, 0.5, 0.75, [pick.choice((0.5, 1, 1.5, 2.25)) for _ in x.sides]))
        if isinstance(reader, keys.WholeList):
            return [pick.randint(0, 2) for _ in range(reader.count)]
        if isinstance(reader, keys.Boolean):
            return pick.choice(("yes", "no"))
        if isinstance(reader, keys.Choice):
            return pick.choice(reader.words)
        if isinstance(reader, keys.Numbers):
            return pick.choice((pick.choice(DECIMALS), [pick.choice(DECIMALS) for _ in range(x.depth)]))
        if isinstance(reader, keys.Decimal):
            return pick.choice(DECIMALS)
        assert isinstance(reader, keys.Whole), (cls.kind, item.name)
        if item.name in ("groups", "heads"):
            return pick.choice(divisors(x.depth))
        return pick.randint(reader.minimum, 6)

    def ends(self, sides: int, least: int, most: int) -> list[int]:
        """Numbers for all beginnings, then all ends."""
        return [self.pick.randint(least, most) for _ in range(2 * sides)]


def divisors(number: int) -> list[int]:
    """All divisors, the smallest first."""
    return [part for part in range(1, number + 1) if number % part == 0]


def factors(pick: Random, number: int, count: int) -> list[int]:
    """Random numbers whose product is ``number``."""
    found = []
    for _ in range(count - 1):
        found.append(pick.choice(divisors(number)))
        number //= found[-1]
    return pick.sample([*found, number], count)


def shown(value: Any) -> str:
    """A value as patterns have it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(shown, value))}]"
    return str(value)


def written(kind: str, values: dict[str, Any], frozen: bool = False) -> str:
    """A layer as a pattern has it."""
    parts = [f"{name}={shown(value)}" for name, value in values.items() if value is not None]
    if frozen and KINDS[kind].learns:
        parts.append("trainable=no")
    return f"{kind.upper()}({', '.join(parts)})" if parts else kind.upper()
