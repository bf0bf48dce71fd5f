"""Orders of execution: live bytes at each step, and a search for the order with the lowest peak.

Tasks make, read and overwrite volumes. Which volumes are alive depends only on the set of finished tasks,
not on their order, so an exact search goes over sets of tasks. A net that is a chain of forks is split into ranges
of tasks, which are searched separately.

Source: Liberis and Lane 2019 (arXiv 1910.05110) for the search over sets. Splitting into ranges and running free
tasks at once are our additions.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

MAX_STATES = 200_000
"""States that the exact search may expand: about half a second. A count, so the result is the same everywhere."""
MAX_SEARCHED_TASKS = 2_000
"""A range of more tasks is not searched; it keeps the given order."""
MAX_BOUNDED_TASKS = 300
"""For a range of more tasks :meth:`_TaskRange.lower_bound` is not computed."""
MAX_BOUND_COMPARISONS = 400_000
"""Pairs of task and volume that these bounds may compare in a net: about a tenth of a second."""
MAX_MOVES = 200_000
"""Next tasks that the beam search may try in a net: about a third of a second."""
BEAM_WIDTH = 64
"""Number of sets that the beam search follows; it runs if the exact search reaches ``MAX_STATES``."""


class Task(NamedTuple):
    """One operation: tasks it depends on, volumes it reads or overwrites, the volume it makes, bytes of scratch."""

    needs: tuple[int, ...]
    reads: tuple[int, ...]
    makes: int | None
    scratch: int = 0


class Flow(NamedTuple):
    """Tasks in an order in which they can run, and the bytes of each volume.

    A volume that no task makes is alive from the start; one in ``stays`` is alive until the end.
    """

    tasks: tuple[Task, ...]
    sizes: tuple[int, ...]
    stays: frozenset[int]


class _Budget:
    """What the searches of a net may still do: the three limits above, less what is used up."""

    __slots__ = ("comparisons", "moves", "states")

    def __init__(self, states: int) -> None:
        self.states = states
        self.moves = MAX_MOVES if states else 0
        self.comparisons = MAX_BOUND_COMPARISONS


class Order(NamedTuple):
    """An order of the tasks, its peak in bytes, and a lower bound for the peak of every order."""

    tasks: tuple[int, ...]
    peak: int
    bound: int


def lifetimes(flow: Flow, order: Sequence[int]) -> list[tuple[int, int]]:
    """The first and last step at which each volume is alive, both included."""
    end = max(0, len(order) - 1)
    first = [0] * len(flow.sizes)
    last = [0] * len(flow.sizes)
    for step, number in enumerate(order):
        task = flow.tasks[number]
        if task.makes is not None:
            first[task.makes] = last[task.makes] = step
        for volume in task.reads:
            last[volume] = step
    return [(first[volume], end if volume in flow.stays else last[volume]) for volume in range(len(flow.sizes))]


def levels(flow: Flow, order: Sequence[int], alive: Sequence[tuple[int, int]] | None = None) -> list[int]:
    """The bytes alive at each step: volumes still needed, the volume the task makes, and its scratch.

    A net with only inputs has one step.
    """
    change = [0] * (max(1, len(order)) + 1)
    for size, (first, last) in zip(flow.sizes, alive or lifetimes(flow, order), strict=True):
        change[first] += size
        change[last + 1] -= size
    found = []
    level = 0
    for more in change[:-1]:
        level += more
        found.append(level)
    for step, number in enumerate(order):
        found[step] += flow.tasks[number].scratch
    return found


def widest(flow: Flow) -> int:
    """The most bytes that one task reads and writes: a lower bound for every order."""
    return max([_working_set(flow, task) for task in flow.tasks], default=sum(flow.sizes))


def best_order(flow: Flow, states: int = MAX_STATES) -> Order:
    """The order with the lowest peak found; the given order if none is lower.

    It is optimal if ``peak == bound``. ``states`` limits the exact search; with 0 the given order is returned and only
    the bound is computed.
    """
    budget = _Budget(states)
    given = range(len(flow.tasks))
    level = levels(flow, given)
    if not flow.tasks:
        return Order((), level[0], level[0])
    order = list(given)
    ranges = list(_task_ranges(flow))
    across, ends = _across(flow, ranges)
    peaks = [max(level[first:last]) for first, last in ranges]
    bounds = [
        peak if last - first == 1 else base + max(_working_set(flow, task, passed) for task in flow.tasks[first:last])
        for (first, last), peak, (base, passed) in zip(ranges, peaks, across, strict=True)
    ]
    bound = max(bounds)
    results: dict[Hashable, tuple[tuple[int, ...] | None, int, int]] = {}  # by shape, for repeated blocks
    # highest peak first: its bound holds for the whole net, so others need not go below it
    for place in sorted(range(len(ranges)), key=lambda index: -peaks[index]):
        if peaks[place] <= bound:
            break
        first, last = ranges[place]
        if last - first > MAX_SEARCHED_TASKS:
            continue
        task_range = _TaskRange(flow, first, last, across[place][0], ends, place)
        shape = (peaks[place], task_range.shape())
        if shape not in results:
            results[shape] = task_range.best(peaks[place], bound, budget)
        found, peaks[place], least = results[shape]
        bound = max(bound, least)
        if found is not None:
            order[first:last] = [first + task for task in found]
    return Order(tuple(order), max(peaks), bound)


def _working_set(flow: Flow, task: Task, passed: frozenset[int] = frozenset()) -> int:
    """The bytes a task reads, makes and needs as scratch, without the volumes in ``passed``."""
    read = sum([flow.sizes[volume] for volume in set(task.reads) if volume not in passed])
    return read + _made(flow, task) + task.scratch


def _made(flow: Flow, task: Task) -> int:
    """The bytes of the volume that a task makes."""
    return flow.sizes[task.makes] if task.makes is not None else 0


def _task_ranges(flow: Flow) -> Iterator[tuple[int, int]]:
    """Ranges of tasks: each task that has the same place in every order, and the tasks between two of these.

    A task has a fixed place if every task before it is its ancestor and every task after it is its descendant.
    """
    count = len(flow.tasks)
    reader = [count] * count  # first task that depends on this one
    needed = [-1] * count  # last task that this one depends on
    for number, task in enumerate(flow.tasks):
        for source in task.needs:
            reader[source] = min(reader[source], number)
            needed[number] = max(needed[number], source)
    leads = [True] * count
    least = count
    for number in range(count - 1, -1, -1):
        leads[number] = least >= number
        least = min(least, needed[number])
    begin = 0
    most = -1
    for number in range(count):
        if leads[number] and most <= number:
            if begin < number:
                yield begin, number
            yield number, number + 1
            begin = number + 1
        most = max(most, reader[number])
    if begin < count:
        yield begin, count


def _across(
    flow: Flow, ranges: Sequence[tuple[int, int]]
) -> tuple[list[tuple[int, frozenset[int]]], list[tuple[int, int]]]:
    """For each range the bytes of volumes alive before, during and after it, and which of these volumes it reads.

    Also for each volume the range that makes it (-1: none) and the last one that reads it.
    """
    where = [index for index, (first, last) in enumerate(ranges) for _ in range(first, last)]
    ends = [(-1, -1)] * len(flow.sizes)
    read: list[set[int]] = [set() for _ in ranges]
    for number, task in enumerate(flow.tasks):
        if task.makes is not None:
            ends[task.makes] = (where[number], where[number])
        for volume in task.reads:
            ends[volume] = (ends[volume][0], where[number])
            read[where[number]].add(volume)
    change = [0] * (len(ranges) + 1)
    for volume, (maker, user) in enumerate(ends):
        if volume in flow.stays:
            user = len(ranges)
            ends[volume] = (maker, user)
        if maker + 1 < user:
            change[maker + 1] += flow.sizes[volume]
            change[user] -= flow.sizes[volume]
    base = 0
    across = []
    for index, more in enumerate(change[:-1]):
        base += more
        passed = frozenset(volume for volume in read[index] if ends[volume][0] < index < ends[volume][1])
        across.append((base, passed))
    return across, ends


class _TaskRange:
    """A range of tasks whose order only their dependencies restrict; a set of tasks is an integer with one bit each."""

    def __init__(
        self, flow: Flow, first: int, last: int, base: int, ends: Sequence[tuple[int, int]], place: int
    ) -> None:
        tasks = flow.tasks[first:last]
        self.base = base
        self.count = len(tasks)
        self.everything = (1 << self.count) - 1
        self.needs = [sum({1 << (source - first) for source in task.needs if source >= first}) for task in tasks]
        self.readers = _readers(self.needs)
        self.made = [_made(flow, task) for task in tasks]
        self.scratch = [task.scratch for task in tasks]
        self.makers = {task.makes: number for number, task in enumerate(tasks) if task.makes is not None}
        self.users = _users(tasks, ends, place)
        self.sizes = {volume: flow.sizes[volume] for volume in [*self.users, *self.makers]}
        self.kept = {volume for volume in self.sizes if ends[volume][1] > place}
        self.before = base + sum([size for volume, size in self.sizes.items() if volume not in self.makers])
        ending = [(mask, flow.sizes[volume]) for volume, mask in self.users.items() if volume not in self.kept]
        self.frees = _frees(ending, self.count)

    def shape(self) -> Hashable:
        """A key that is equal for ranges that differ only in names."""
        frees = tuple([tuple(entries) for entries in self.frees])
        return tuple(self.needs), tuple(self.made), tuple(self.scratch), frees, self.before, self.base

    def lower_bound(self, budget: _Budget) -> int:
        """A lower bound for the peak of every order: the most bytes that are alive at one task in every order."""
        comparisons = self.count * len(self.sizes)
        if self.count > MAX_BOUNDED_TASKS or comparisons > budget.comparisons:
            return 0
        budget.comparisons -= comparisons
        above = [0] * self.count
        for number in range(self.count):
            above[number] = 1 << number
            for source in _members(self.needs[number]):
                above[number] |= above[source]
        below = [0] * self.count
        for number in range(self.count - 1, -1, -1):
            below[number] = 1 << number
            for reader in self.readers[number]:
                below[number] |= below[reader]
        most = 0
        for number in range(self.count):
            level = self.base + self.scratch[number]
            for volume, size in self.sizes.items():
                maker = self.makers.get(volume)
                is_made = maker is None or above[number] >> maker & 1
                if is_made and (volume in self.kept or self.users.get(volume, 0) & below[number] or maker == number):
                    level += size
            most = max(most, level)
        return most

    def best(self, ceiling: int, floor: int, budget: _Budget) -> tuple[tuple[int, ...] | None, int, int]:
        """An order with a peak below ``ceiling`` if one is found, its peak, and a lower bound for all orders.

        Peaks up to ``floor`` count as equal.
        """
        floor = max(floor, self.lower_bound(budget))
        if floor >= ceiling:
            return None, ceiling, floor
        order, peak, bound = self._exact(ceiling, floor, budget)
        if order is None and bound < ceiling:
            order, peak = self._beam(ceiling, floor, budget)
        return order, peak, bound

    def _after(self, done: int, live: int, ready: int, task: int) -> tuple[int, int, int]:
        """The finished tasks, live bytes and runnable tasks after ``task``."""
        done |= 1 << task
        ready &= ~(1 << task)
        live += self.made[task]
        for mask, size in self.frees[task]:
            if not mask & ~done:
                live -= size
        for reader in self.readers[task]:
            if not self.needs[reader] & ~done:
                ready |= 1 << reader
        return done, live, ready

    def _after_free_tasks(
        self, done: int, live: int, ready: int, limit: int, path: tuple[int, ...]
    ) -> tuple[int, int, int, tuple[int, ...]]:
        """The state after all free tasks: those that stay within the limit and do not increase the live bytes.

        Running them at once loses nothing: every other task then runs with as many live bytes or fewer.
        """
        moved = True
        while moved:
            moved = False
            for task in _members(ready):
                if live + self.made[task] + self.scratch[task] > limit:
                    continue
                after = self._after(done, live, ready, task)
                if after[1] <= live:
                    done, live, ready = after
                    path = (*path, task)
                    moved = True
        return done, live, ready, path

    def _start(self) -> int:
        """The tasks that depend on none."""
        return sum(1 << number for number, mask in enumerate(self.needs) if not mask)

    def _exact(self, ceiling: int, floor: int, budget: _Budget) -> tuple[tuple[int, ...] | None, int, int]:
        """Best-first search over sets of tasks; the first complete order has the lowest peak."""
        if budget.states <= 0:
            return None, ceiling, floor
        begin = self._after_free_tasks(0, self.before, self._start(), floor, ())
        came: dict[int, tuple[int, tuple[int, ...]]] = {begin[0]: (-1, begin[3])}
        cost = {begin[0]: floor}
        rest = {begin[0]: (begin[1], begin[2])}
        queue = [(floor, -begin[0].bit_count(), begin[0])]
        closed: set[int] = set()
        while queue:
            peak, _, done = heappop(queue)
            if done in closed:
                continue
            if done == self.everything:
                parts = []
                while done >= 0:
                    done, path = came[done]
                    parts.append(path)
                return tuple([task for path in reversed(parts) for task in path]), peak, peak
            closed.add(done)
            live, ready = rest[done]
            for task in _members(ready):
                if budget.states <= 0:
                    return None, ceiling, peak
                budget.states -= 1 + ready.bit_count() // 4  # _after_free_tasks looks at every runnable task
                reached = max(peak, live + self.made[task] + self.scratch[task])
                if reached >= ceiling:
                    continue
                after = self._after_free_tasks(*self._after(done, live, ready, task), reached, (task,))
                if reached < cost.get(after[0], ceiling):
                    cost[after[0]] = reached
                    came[after[0]] = (done, after[3])
                    rest[after[0]] = (after[1], after[2])
                    heappush(queue, (reached, -after[0].bit_count(), after[0]))
        return None, ceiling, ceiling

    def _beam(self, ceiling: int, floor: int, budget: _Budget) -> tuple[tuple[int, ...] | None, int]:
        """Beam search: task by task, the sets with the lowest peaks and then the fewest live bytes are followed."""
        ready, done, live = self._start(), 0, 0
        moves = 0  # of one set, along the given order
        for task in range(self.count):
            moves += ready.bit_count()
            done, live, ready = self._after(done, live, ready, task)
        width = min(BEAM_WIDTH, budget.moves // moves)
        budget.moves -= width * moves
        front = {0: (floor, self.before, self._start())} if width else {}
        trail = [(-1, -1)]  # linked lists: (last task, place of the list before it)
        heads = {0: 0}
        for _ in range(self.count):
            found: dict[int, tuple[int, int, int, int, int]] = {}
            for done, (peak, live, ready) in front.items():
                for task in _members(ready):
                    reached = max(peak, live + self.made[task] + self.scratch[task])
                    if reached >= ceiling:
                        continue
                    now, level, free = self._after(done, live, ready, task)
                    if now not in found or (reached, level) < found[now][:2]:
                        found[now] = (reached, level, free, heads[done], task)
            chosen = sorted(found.items(), key=lambda item: (item[1][0], item[1][1], item[0]))[:width]
            front, heads = {}, {}
            for now, (peak, level, free, head, task) in chosen:
                front[now] = (peak, level, free)
                heads[now] = len(trail)
                trail.append((task, head))
        if self.everything not in front:
            return None, ceiling
        order = []
        at = heads[self.everything]
        while at:
            task, at = trail[at]
            order.append(task)
        return tuple(reversed(order)), front[self.everything][0]


def _readers(needs: Sequence[int]) -> list[list[int]]:
    """For each task those that depend on it; ``needs`` has the set of tasks that each one depends on."""
    readers: list[list[int]] = [[] for _ in needs]
    for number, mask in enumerate(needs):
        for source in _members(mask):
            readers[source].append(number)
    return readers


def _frees(ending: Sequence[tuple[int, int]], count: int) -> list[list[tuple[int, int]]]:
    """For each of ``count`` tasks the volumes it reads, as (set of their readers, size): the last reader frees them."""
    frees: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for mask, size in ending:
        for number in _members(mask):
            frees[number].append((mask, size))
    return frees


def _users(tasks: Sequence[Task], ends: Sequence[tuple[int, int]], place: int) -> dict[int, int]:
    """For each volume that is made or freed in the range at ``place`` the set of its readers there."""
    users: dict[int, int] = {}
    for number, task in enumerate(tasks):
        for volume in task.reads:
            if place in ends[volume]:
                users[volume] = users.get(volume, 0) | 1 << number
    return users


def _members(mask: int) -> Iterator[int]:
    """The numbers of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
