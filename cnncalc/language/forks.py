"""Finds forks: branches that begin at one volume and end in a merge, whose nodes follow branch after branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STEPS_PER_NODE = 60
"""Steps that the search for forks may take for each node; bounds its time for large nets."""

MAX_TANGLED = 100
"""The most nodes of a fork whose branches read each other's volumes."""


class Forks:
    """Finds the forks of a net.

    ``inputs`` are the indices of the nodes that each node reads, ``merges`` the nodes that may end a fork. After
    ``steps`` steps no further fork is found. ``with_tangled``: also finds tangled forks, those of three or more
    branches that read each other's volumes.
    """

    def __init__(
        self, inputs: Sequence[Sequence[int]], merges: Iterable[int], steps: int, *, with_tangled: bool = False
    ) -> None:
        self.inputs = inputs
        self.steps = steps
        self._merges: dict[int | None, list[int]] = {}
        """The merges by the node whose volume their branches would read (None: their branches begin with inputs)."""
        self._tangled: dict[int, list[int]] = {}
        """Merges of three or more volumes by their immediate dominator: the last node on all paths to them."""
        found = list(merges)
        for merge in found:
            self._merges.setdefault(self._begin_of(merge), []).append(merge)
        if with_tangled:
            self._find_tangled({merge for merge in found if len(inputs[merge]) > 2})

    def furthest(self, at: int, stop: int, current: int | None) -> tuple[int | None, list[tuple[int, int]]]:
        """The last merge before ``stop`` whose branches begin at node ``at``, and its branches as ranges of nodes.

        ``current`` is the node whose volume the branches read (None: they begin with inputs). Returns None and no
        branches if there is no such merge.
        """
        for merge in reversed(self._merges.get(current, ())):
            if self.steps < 0:
                break
            if at < merge < stop:
                branches = self._branches(merge, at, current)
                if branches is not None and sum(start < end for start, end in branches) > 0:
                    return merge, branches
        for merge in reversed(self._tangled.get(current, ())) if current is not None else ():
            if at < merge < min(stop, at + MAX_TANGLED):
                branches = self._branches(merge, at, current, is_tangled=True)
                if branches is not None and sum(start < end for start, end in branches) > 1:
                    return merge, branches
        return None, []

    def _begin_of(self, merge: int) -> int | None:
        """The node whose volume the branches of a merge would read; None if they have none or are not a fork."""
        ends = sorted(set(self.inputs[merge]))
        if len(ends) == 1:
            return ends[0]
        # the first layer of the second branch reads what the fork reads
        inputs = self.inputs[ends[0] + 1]
        return inputs[0] if inputs and inputs[0] <= ends[0] else None

    def _branches(
        self, merge: int, start: int, fork: int | None, *, is_tangled: bool = False
    ) -> list[tuple[int, int]] | None:
        """The branches of a merge, as ranges of nodes in order; None if they cannot be written as a fork.

        ``is_tangled``: a branch may read the volumes inside another one, which the text then names.
        """
        at = start
        branches = []
        for source in self.inputs[merge]:
            self.steps -= 1
            if source == fork and fork is not None and fork < start:
                branches.append((at, at))
                continue
            if source < at:
                return None
            branches.append((at, source + 1))
            at = source + 1
        if at != merge:
            return None
        for low, high in branches:
            for index in range(low, high):
                self.steps -= 1
                for source in self.inputs[index]:
                    if source != fork and not (start if is_tangled else low) <= source < high:
                        return None
        return branches

    def _find_tangled(self, merges: set[int]) -> None:
        """Finds the immediate dominator of each of these merges, the nearest common dominator of its inputs."""
        parent: list[int] = []
        """The immediate dominator of each node; -1 for none."""
        for index, sources in enumerate(self.inputs):
            before = -1 if not sources else sources[0]
            for source in sources[1:]:
                other = source
                while before != other:
                    self.steps -= 1
                    if before > other:
                        before = parent[before]
                    else:
                        other = parent[other]
                if self.steps < 0:
                    return
            parent.append(before)
            if index in merges and before >= 0:
                self._tangled.setdefault(before, []).append(index)
