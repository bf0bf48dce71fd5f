"""The receptive field: which positions of an input the outputs of a node see, that is, can depend on.

For each input of the net a node has a :class:`Field`, with one :class:`cnncalc.analysis.intervals.Side` for each side
of that input. If the sides depend on each other (after RESHAPE), a field lists the intervals of each position
(:class:`Boxes`). If lists would need too many intervals, only an upper bound is computed.

:func:`fields_of` goes through the net, layer by layer; a :class:`Dependence` is that of a layer on one of its inputs.
"""

from __future__ import annotations

from itertools import zip_longest
from math import prod

from cnncalc.analysis.intervals import (
    FAR,
    NOWHERE,
    OWN,
    Listed,
    Side,
    Work,
    effort_of,
    joined_sides,
    outputs_seeing,
    window_of,
    within,
)
from cnncalc.layers.stencil import POINT
from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.analysis.volumes import Shaped
    from cnncalc.layers.base import Layer
    from cnncalc.layers.stencil import Origins, Stencils
    from cnncalc.volume import Volume

MAX_POSITIONS = 2_500
"""The most positions of a field that is listed by position because separate sides would give only an upper bound."""


# All sides of an input


class Boxes(NamedTuple):
    """What the outputs of a node see of an input, listed by position.

    ``sizes`` are the sides of the output; each of ``sides`` lists the intervals along one side of the input for all
    positions of the output, row by row.
    """

    sizes: tuple[int, ...]
    sides: tuple[Listed, ...]

    def through(self, stencils: Stencils, sizes: Sequence[int]) -> Boxes:
        """What the outputs of a layer with these stencils and sides see."""
        now, lists = list(self.sizes), self.sides
        for axis, (stencil, size) in enumerate(zip(stencils, sizes, strict=True)):
            if stencil == POINT and size == now[axis]:
                continue
            inner, before = prod(now[axis + 1 :]), now[axis]
            windows = [window_of(stencil, output, before) for output in range(size)]
            parts = [
                within(window, before, start, inner)
                for outer in range(prod(now[:axis]))
                for window in windows
                for start in range(outer * before * inner, outer * before * inner + inner)
            ]
            lists = tuple([one.over(parts) for one in lists])
            now[axis] = size
        return Boxes(tuple(now), lists)

    def gathered(self, origins: Origins, sizes: tuple[int, ...]) -> Boxes:
        """What the outputs of a layer that moves elements between positions see."""
        places = [list(origins.of(position)) for position in range(prod(sizes))]
        lists = [
            Listed(
                [min([one.lows[place] for place in some]) for some in places],
                [max([one.highs[place] for place in some]) for some in places],
            )
            for one in self.sides
        ]
        return Boxes(sizes, tuple(lists))


class Dependence(NamedTuple):
    """How a layer depends on one of its inputs.

    ``use``, ``origins`` and ``stencils`` are the results of the methods of the layer of these names (``channel_use``);
    ``before`` and ``sizes`` are the sides of the input and of the output. ``is_single``: the depth of the output is 1.
    ``is_pointwise``: each position depends only on that position of the input. Unless ``is_exact``, some depend on none
    of the positions that ``stencils`` give.
    """

    use: str
    origins: Origins | None
    stencils: Stencils | None
    sizes: tuple[int, ...]
    is_pointwise: bool
    is_exact: bool
    before: tuple[int, ...]
    is_single: bool

    @property
    def is_point(self) -> bool:
        """Whether the output is a single position."""
        return all(size == 1 for size in self.sizes)


def dependences_of(layer: Layer, inputs: Sequence[Volume], output: Volume) -> list[Dependence]:
    """How a layer depends on each of its inputs, without those of which it reads only the sizes."""
    uses, origins, sizes = layer.channel_uses(*inputs), layer.origins(*inputs), output[:-1]
    every = [layer.stencils(*inputs)] if layer.reads_second_sizes else layer.stencils_of_each(*inputs)
    found = []
    for of, stencils in enumerate(every):
        is_same_size = stencils is not None and sizes == inputs[of][:-1]
        is_pointwise = is_same_size and all(stencil == POINT for stencil in stencils or ())
        is_exact = not layer.may_see_less(*inputs, of=of)
        before = inputs[of][:-1]
        found.append(
            Dependence(uses[of], origins, stencils, sizes, is_pointwise, is_exact, before, is_single=output.depth == 1)
        )
    return found


class Field(NamedTuple):
    """What the outputs of a node see of one input: along each side separately, or listed by position in ``boxes``.

    Unless ``is_exact``, they may see less. ``is_uniform``: all channels of a position see the same. ``sees_all``: the
    node, or one before it, sees the whole plane. ``is_folded``: the output has another number of sides than the input;
    ``sides`` then hold what any output sees; without ``boxes`` all outputs see that, or nothing outside of ``solid``.
    ``solid``: for each side the first and last output at which all branches see something; None: the sides do not
    depend on each other.
    """

    sides: tuple[Side, ...]
    boxes: Boxes | None = None
    is_exact: bool = True
    is_uniform: bool = True
    sees_all: bool = False
    is_folded: bool = False
    solid: tuple[tuple[int, int], ...] | None = None

    @property
    def size(self) -> tuple[int, ...]:
        """The most positions that one output sees along each side."""
        sides = self.sides if self.boxes is None else self.boxes.sides
        if all(side is sides[0] for side in sides):  # the usual case: equal sides are computed once
            return (sides[0].extent,) * len(sides)
        return tuple([side.extent for side in sides])

    @property
    def unclipped(self) -> tuple[int, ...] | None:
        """``size`` on an input without borders.

        None if outputs see the whole plane, what they see depends on the size of the input, or positions are beyond
        ``FAR``.
        """
        first = self.sides[0].endless
        if first is not None and all(side is self.sides[0] for side in self.sides):
            return (first.extent,) * len(self.sides)
        found = [side.endless.extent for side in self.sides if side.endless is not None]
        return tuple(found) if len(found) == len(self.sides) else None

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """The sides of the output; None if they are not known."""
        if self.boxes is not None:
            return self.boxes.sizes
        return None if self.is_folded else tuple([side.size for side in self.sides])

    def bounds_along(self, number: int) -> tuple[int, int]:
        """The first and last position that any output sees along a side."""
        return self.sides[number].bounds if self.boxes is None else self.boxes.sides[number].bounds

    @property
    def sees_nothing(self) -> bool:
        """Whether no output sees anything."""
        if self.boxes is not None:
            return self.boxes.sides[0].bounds[0] == FAR
        return any(
            side.last < side.first if side.listed is None else side.listed.bounds[0] == FAR for side in self.sides
        )

    @property
    def is_same(self) -> bool:
        """Whether all outputs are known to see the same."""
        if not self.is_certain or self.solid is not None:
            return False
        if self.boxes is not None:
            return all(one.is_same for one in self.boxes.sides)
        return self.is_folded or all(side.is_same for side in self.sides)

    @property
    def is_certain(self) -> bool:
        """Whether :attr:`size` is exact, not an upper bound."""
        if self.boxes is not None:
            return self.is_exact
        meet = self.solid is None or all(first <= last for first, last in self.solid)
        return self.is_exact and meet and all(side.is_exact for side in self.sides)

    def through(self, dependence: Dependence, work: Work) -> Field:
        """What the outputs of a layer see."""
        use = dependence.use
        selects = use == "some" or (use == "moved" and not dependence.is_point)
        is_exact = self.is_exact and dependence.is_exact and (self.is_uniform or not selects)
        if use == "mixed" or dependence.is_single:
            is_uniform = True
        elif use == "parted":
            is_uniform = self.is_same
        else:
            is_uniform = self.is_uniform and use != "filled" and (use != "moved" or self.is_same)
        field = self
        if (is_exact, is_uniform) != (self.is_exact, self.is_uniform):
            field = self._replace(is_exact=is_exact, is_uniform=is_uniform)
        if dependence.origins is not None:
            return field.gathered(dependence, work)
        if dependence.stencils is None:
            return field.everywhere(dependence.sizes)
        if dependence.is_pointwise:
            return field
        if field.is_folded and field.boxes is None:
            return field.slid_folded(dependence.stencils, dependence, work)
        return field.slid(dependence.stencils, dependence.sizes, work)

    def slid_folded(self, stencils: Stencils, dependence: Dependence, work: Work) -> Field:
        """What the outputs of a layer with these stencils see, if all inputs that see something see the same."""
        before, sizes = dependence.before, dependence.sizes
        ends = self.solid or tuple([(0, size - 1) for size in before])
        each = zip(stencils, ends, before, sizes, strict=True)
        solid = [outputs_seeing(stencil, *limits, size, result, work) for stencil, limits, size, result in each]
        if NOWHERE in solid:
            return self._replace(sides=tuple([side._replace(first=1, last=0) for side in self.sides]))
        found = tuple([limits for limits in solid if limits is not None])
        if len(found) < len(solid):
            return self._replace(is_exact=False, solid=None)
        sees = all(limits == (0, size - 1) for limits, size in zip(found, sizes, strict=True))
        return self._replace(solid=None if sees else found)

    def slid(self, stencils: Stencils, sizes: tuple[int, ...], work: Work) -> Field:
        """What the outputs of a layer with these stencils and sides see."""
        sides = self.sides if self.is_folded else _each(self.sides, stencils, sizes, work)
        field = self._replace(sides=sides)
        if self.boxes is not None:
            before = zip(stencils, self.boxes.sizes, strict=True)
            windows = sum([effort_of(stencil, size) for stencil, size in before])
            if not work.take(prod(map(max, sizes, self.boxes.sizes)) * max(1, windows)):
                return field._replace(boxes=None, is_exact=False)
            return field._replace(boxes=self.boxes.through(stencils, sizes))
        if self.solid is not None:
            each = zip(stencils, self.solid, self.sides, sizes, strict=True)
            solid = [outputs_seeing(stencil, *ends, side.size, size, work) for stencil, ends, side, size in each]
            return field._replace(solid=tuple([ends or NOWHERE for ends in solid]))
        return field

    def everywhere(self, sizes: tuple[int, ...]) -> Field:
        """What the outputs of a layer see, each of which depends on all positions."""
        sides = self.sides
        if self.boxes is not None:
            sides = tuple([Side(1, None, *one.bounds, 0, 0) for one in self.boxes.sides])
        is_folded = len(sizes) != len(sides)
        whole = tuple([side.everywhere(size) for side, size in zip(sides, _known(sizes, sides), strict=True)])
        return Field(whole, None, self.is_certain, self.is_uniform, sees_all=True, is_folded=is_folded)

    def gathered(self, dependence: Dependence, work: Work) -> Field:
        """What the outputs of a layer that moves elements between positions see."""
        assert dependence.origins is not None
        if self.is_folded and self.boxes is None:
            found = self.everywhere(dependence.sizes)
            return found if self.solid is None else found._replace(is_exact=False)
        sizes = _known(dependence.sizes, self.sides)
        sides = tuple([side.everywhere(size) for side, size in zip(self.sides, sizes, strict=True)])
        is_folded = len(dependence.sizes) != len(sides)
        boxes = self.as_boxes(work) if work.take(max(1, dependence.origins.most) * prod(dependence.sizes)) else None
        if boxes is None:
            return self._replace(sides=sides, boxes=None, is_exact=False, solid=None, is_folded=is_folded)
        is_exact = self.is_certain and self.solid is None
        boxes = boxes.gathered(dependence.origins, dependence.sizes)
        return self._replace(sides=sides, boxes=boxes, is_exact=is_exact, solid=None, is_folded=is_folded)

    def as_boxes(self, work: Work) -> Boxes | None:
        """The field listed by position; None if that takes too many intervals."""
        if self.boxes is not None:
            return self.boxes
        sizes = tuple([side.size for side in self.sides])
        count = prod(sizes)
        if not work.take(count * len(sizes)):
            return None
        lists, inner = [], count
        for side, size in zip(self.sides, sizes, strict=True):
            inner //= size
            one = side.as_listed()
            places = [position // inner % size for position in range(count)]
            lists.append(([one.lows[place] for place in places], [one.highs[place] for place in places]))
        for position in range(count):
            if any(lows[position] == FAR for lows, _ in lists):
                for lows, highs in lists:
                    lows[position], highs[position] = FAR, -FAR
        return Boxes(sizes, tuple([Listed(lows, highs) for lows, highs in lists]))


def _known(sizes: Sequence[int], sides: Sequence[Side]) -> Sequence[int]:
    """The sizes of the output, one for each side of the input; ones if it has another number of sides."""
    return sizes if len(sizes) == len(sides) else (1,) * len(sides)


def _each(sides: Sequence[Side], stencils: Stencils, sizes: Sequence[int], work: Work) -> tuple[Side, ...]:
    """Each side after its stencil; equal sides are computed once."""
    done: list[Side] = []
    for number, (side, stencil, size) in enumerate(zip(sides, stencils, sizes, strict=True)):
        same = [k for k in range(number) if sides[k] is side and stencils[k] == stencil and sizes[k] == size]
        done.append(done[same[0]] if same else side.through(stencil, size, work))
    return tuple(done)


def joined(fields: Sequence[Field], work: Work, *, is_stacked: bool) -> Field:
    """What the outputs of a merge see of one input; ``fields`` are those of the branches that see it.

    ``is_stacked``: the merge concatenates the channels of the branches.
    """
    first = fields[0]
    if all(field is first for field in fields):
        return first
    whole = [field for field in fields if _is_whole(field, fields)]
    if whole:
        uniform = [field for field in whole if field.is_uniform]
        return whole[0]._replace(is_uniform=len(uniform) == len(fields) if is_stacked else bool(uniform))
    apart = _joined_apart(fields, work, is_stacked=is_stacked)
    listed = [field.boxes is not None for field in fields]
    if first.is_folded and not all(listed):
        is_known = not any(listed) and all(field.solid == first.solid for field in fields)
        return apart._replace(solid=first.solid) if is_known else apart._replace(is_exact=False)
    if any(listed):
        return _joined_at_positions(fields, apart, work, is_stacked=is_stacked)
    if not apart.is_exact:
        largest = [field for field in fields if field.is_certain and field.solid is None and field.sides == apart.sides]
        if largest:  # what the others may see less of is seen anyway
            return apart._replace(is_exact=True, is_uniform=apart.is_uniform and not is_stacked)
    if _are_independent(fields):
        return apart
    if prod([side.size for side in apart.sides]) > MAX_POSITIONS:
        return apart._replace(solid=tuple([_meeting(fields, number) for number in range(len(apart.sides))]))
    return _joined_at_positions(fields, apart, work, is_stacked=is_stacked)


def _joined_at_positions(fields: Sequence[Field], apart: Field, work: Work, *, is_stacked: bool) -> Field:
    """What the outputs of a merge see at each position; ``apart`` is what they see along each side."""
    every = [boxes for boxes in [field.as_boxes(work) for field in fields] if boxes is not None]
    if len(every) < len(fields):
        return apart._replace(is_exact=False)
    is_exact = all(field.is_certain and field.solid is None for field in fields)
    is_uniform = apart.is_uniform and not (is_stacked and any(boxes != every[0] for boxes in every))
    return apart._replace(boxes=_joined_boxes(every), is_exact=is_exact, is_uniform=is_uniform)


def _joined_apart(fields: Sequence[Field], work: Work, *, is_stacked: bool) -> Field:
    """What the outputs of a merge see along each side, if the sides do not depend on each other."""
    first = fields[0]
    sides: list[Side] = []
    for number in range(len(first.sides)):
        parts = [field.sides[number] for field in fields]
        same = [k for k in range(number) if all(field.sides[k] is field.sides[number] for field in fields)]
        sides.append(sides[same[0]] if same else joined_sides(parts, work))
    differ = is_stacked and any(field.sides != first.sides for field in fields)
    return Field(
        tuple(sides),
        is_exact=all(field.is_exact for field in fields),
        is_uniform=all(field.is_uniform for field in fields) and not differ,
        sees_all=any(field.sees_all for field in fields),
        is_folded=first.is_folded,
    )


def _are_independent(fields: Sequence[Field]) -> bool:
    """Whether the sides of a merge of these fields do not depend on each other.

    They do if some outputs see nothing: what sees nothing along one side of a branch sees nothing along the others.
    """
    if any(field.solid is not None for field in fields):
        return False
    has_gaps = any(side.has_gaps for field in fields for side in field.sides)
    return not has_gaps or all(field.sides == fields[0].sides for field in fields)


def _is_whole(field: Field, fields: Sequence[Field]) -> bool:
    """Whether every output of a field sees all positions that any output of any of the fields sees."""
    if not field.sees_all or field.boxes is not None or not field.is_certain or field.solid is not None:
        return False
    for number, side in enumerate(field.sides):
        if side.endless is not None or side.listed is not None or side.has_gaps:
            return False
        bounds = [other.bounds_along(number) for other in fields]
        if side.low > min([low for low, _ in bounds]) or side.high < max([high for _, high in bounds]):
            return False
    return True


def _joined_boxes(every: Sequence[Boxes]) -> Boxes:
    lists = []
    for side in range(len(every[0].sides)):
        lows = list(map(min, *[boxes.sides[side].lows for boxes in every]))
        lists.append(Listed(lows, list(map(max, *[boxes.sides[side].highs for boxes in every]))))
    return Boxes(every[0].sizes, tuple(lists))


def _meeting(fields: Sequence[Field], number: int) -> tuple[int, int]:
    """The first and last output along a side at which all branches see something."""
    ends = [field.solid[number] for field in fields if field.solid is not None]
    for side in [field.sides[number] for field in fields]:
        if side.listed is None:
            ends.append((side.first, side.last))
        elif side.has_gaps:
            ends.append(NOWHERE)
    return max([0, *[first for first, _ in ends]]), min([fields[0].sides[number].size - 1, *[last for _, last in ends]])


# The whole net


UNKNOWN = -1
"""The number of the input if inputs are not distinguished."""


def fields_of(shaped: Sequence[Shaped]) -> list[Mapping[int, Field]]:
    """For each node the fields of its outputs, by the index of the input; inputs that they do not see are left out."""
    work = Work()
    dependences: dict[int, list[Dependence]] = {}  # by cost, which equal layers on equal volumes share
    found: list[Mapping[int, Field]] = []
    images = list(dict.fromkeys([item.output for item in shaped if item.layer.is_input]))
    own = {volume: own_field(volume) for volume in images}
    for index, (node, layer, inputs, cost, _) in enumerate(shaped):
        if not node.inputs:
            found.append({index: own[cost.output]})
            continue
        if id(cost) not in dependences:
            dependences[id(cost)] = dependences_of(layer, inputs, cost.output)
        each = dependences[id(cost)]
        branches = [_after_layer(found[source], one, work) for source, one in zip(node.inputs, each, strict=False)]
        if len(branches) == 1:
            found.append(branches[0])
            continue
        found.append(_merged(branches, each[0].use == "stacked", work))
        work.fields -= len(found[-1]) - 1
        if work.fields < 0 or UNKNOWN in found[-1]:
            found[-1] = {UNKNOWN: _unknown(images, cost.output)}
    return found


def own_field(volume: Volume) -> Field:
    """The field of an input: each element sees its own position."""
    sides: dict[int, Side] = {}
    for size in volume[:-1]:
        sides.setdefault(size, Side(size, OWN, 0, size - 1, 0, size - 1))
    return Field(tuple([sides[size] for size in volume[:-1]]))


def _unknown(inputs: Sequence[Volume], output: Volume) -> Field:
    """An upper bound: every output sees all of the largest input."""
    largest = [max(sizes) for sizes in zip_longest(*[volume.sides for volume in inputs], fillvalue=1)]
    whole = Field(tuple([Side(1, None, 0, high - 1, 0, 0) for high in largest]), is_exact=False)
    return whole.everywhere(output.sides)


def _after_layer(fields: Mapping[int, Field], dependence: Dependence, work: Work) -> Mapping[int, Field]:
    """The fields of a layer's outputs from those of one of its inputs; inputs that they do not see are left out."""
    if len(fields) == 1:  # the usual case
        ((number, field),) = fields.items()
        found = field.through(dependence, work)
        return fields if found is field else {} if found.sees_nothing else {number: found}
    done: dict[int, Field] = {}  # equal fields are computed once
    for field in fields.values():
        if id(field) not in done:
            done[id(field)] = field.through(dependence, work)
    if all(done[id(field)] is field for field in fields.values()):
        return fields
    after = [(number, done[id(field)]) for number, field in fields.items()]
    return {number: field for number, field in after if not field.sees_nothing}


def _merged(branches: Sequence[Mapping[int, Field]], is_stacked: bool, work: Work) -> Mapping[int, Field]:
    """The fields of the outputs of a merge, from those of its branches."""
    seen: dict[int, list[Field]] = {}  # by input: the branches that see it
    for branch in branches:
        for number, field in branch.items():
            seen.setdefault(number, []).append(field)
    result: dict[int, Field] = {}
    done: dict[tuple[int, ...], Field] = {}
    for number, fields in sorted(seen.items()):
        key = tuple([id(field) for field in fields])
        if key not in done:
            done[key] = joined(fields, work, is_stacked=is_stacked)
        field = done[key]
        if is_stacked and len(fields) < len(branches) and field.is_uniform:
            field = field._replace(is_uniform=False)
        result[number] = field
    return result
