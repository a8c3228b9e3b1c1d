"""Whose turn it is when more jobs want to run than may: concurrency limits of the operator and of profiles.

A job that holds a slot says so in its status (`admissionTime`), so a new process finds the same ones; only the line of
those that wait is made again, in the same order. A slot that becomes free is promised at once to the namespace that has
the fewest, there to the most urgent job, then to the oldest; nobody who comes later can take it.

Where none is free, jobs whose slot is of no use to them, because no node takes their pod, are asked to give it back: as
many as others wait for, those first that have held theirs for longest.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .model import JobKey, Turn

Scope = tuple[str, ...]
SlotState = Literal["held", "nodeless", "overdue", "waiting", "none"]
"""As in `Plan.slot`; the first three hold one."""


class Lane(NamedTuple):
    """Jobs among which only urgency and age decide: those of one namespace with one profile."""

    namespace: str
    profile: tuple[str, str]
    """Namespace (empty for a ClusterReconstructionProfile) and name."""

    def scopes(self) -> tuple[Scope, ...]:
        """Everything that may have a limit which a job of this lane counts against."""
        return (everywhere(), in_namespace(self.namespace), with_profile(self.profile), self.share())

    def share(self) -> Scope:
        """The lane itself: what its namespace has of its profile."""
        return ("profile in namespace", *self.profile, self.namespace)


def everywhere() -> Scope:
    return ("everywhere",)


def in_namespace(namespace: str) -> Scope:
    return ("namespace", namespace)


def with_profile(profile: tuple[str, str]) -> Scope:
    return ("profile", *profile)


class Order(NamedTuple):
    """Position in a lane: the smallest is first."""

    urgency: int
    """0 is the most urgent."""
    since: str
    """When the job was created, or yielded its turn."""
    key: JobKey
    yielded: bool = False
    """It has had a turn that it could not use: in other lanes as well those come first who have waited for longer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's own; those of profiles come from `limit_profile`."""

    everywhere: int | None = None
    in_namespace: int | None = None
    """The same for each namespace."""


@dataclass(slots=True)
class _ProfileLimits:
    jobs: int | None
    in_namespace: int | None


class Slots:
    """Every method takes time that does not depend on the number of jobs, but for the number of lanes that wait."""

    def __init__(self, limits: Limits, wake: Callable[[JobKey], None]):
        self._limits = limits
        self._wake = wake
        self._profiles: dict[tuple[str, str], _ProfileLimits] = {}
        self._running: Counter[Scope] = Counter()
        self._held: dict[JobKey, Lane] = {}
        """Those that have held theirs for longest first."""
        self._recorded: set[JobKey] = set()
        """Those of the held whose status says so; the others are promised or about to be."""
        self._waiting: dict[JobKey, tuple[Lane, Order]] = {}
        self._lanes: dict[Lane, list[Order]] = {}
        self._served: dict[Lane, int] = {}
        self._grants = 0
        self._closed = False
        self._nodeless: dict[JobKey, Lane] = {}
        self._nodeless_in: Counter[Scope] = Counter()
        self._overdue: dict[JobKey, None] = {}
        self._asked: set[JobKey] = set()
        """Those of the held that are to give theirs back."""

    def __len__(self) -> int:
        """Jobs that wait for their turn."""
        return len(self._waiting)

    @property
    def running(self) -> Mapping[Scope, int]:
        """How many slots are taken in each scope."""
        return self._running

    @property
    def nodeless(self) -> int:
        """How many slots are held by jobs for whose pods there is no node."""
        return len(self._nodeless)

    def limit_profile(self, profile: tuple[str, str], jobs: int | None, in_namespace: int | None) -> None:
        """What a profile says now. Lowering a limit stops nothing that runs."""
        self._profiles[profile] = _ProfileLimits(jobs, in_namespace)
        self._hand_out()

    def forget_profile(self, profile: tuple[str, str]) -> None:
        if self._profiles.pop(profile, None) is not None:
            self._hand_out()

    def close(self) -> None:
        """Nobody gets a slot that is limited while not all jobs are known: one that has ended may hold one until its
        pod has stopped."""
        self._closed = True

    def open(self) -> None:
        """All jobs are known."""
        self._closed = False
        self._hand_out()
        self._ask_back()

    def record(self, key: JobKey, lane: Lane | None) -> None:
        """What the job's status says: the slot it holds, or that it holds none."""
        if lane is not None:
            self._hold(key, lane)
            self._recorded.add(key)
        elif key in self._recorded:
            self._release(key)

    def forget(self, key: JobKey) -> None:
        """The job is gone."""
        self._drop_from_line(key)
        self._release(key)

    def step_aside(self, key: JobKey) -> None:
        """The job can't be looked at for now: it keeps a slot that it holds, and neither waits for one nor is promised
        one."""
        self._unnote(key)
        self._leave(key)
        self._ask_back()

    def _leave(self, key: JobKey) -> None:
        self._drop_from_line(key)
        if key not in self._recorded:
            self._release(key)

    def turn(self, key: JobKey, lane: Lane) -> Turn:
        """Whether the job may start now, and otherwise what it waits for."""
        if key in self._held:
            return Turn(wanted=key in self._asked)
        full = self._full(lane)
        if full is None:
            return Turn()
        scope, limit = full
        line = self._lanes.get(lane, [])
        ahead = bisect_left(line, self._waiting[key][1]) if key in self._waiting else len(line)
        return Turn(False, scope[0], limit, ahead, self._nodeless_in[scope])

    def settle(self, key: JobKey, lane: Lane, order: Order, slot: SlotState) -> None:
        """What a decision about the job, made with its `turn`, amounts to. Nothing else may happen in between."""
        self._note_use(key, lane, slot)
        if slot == "waiting":
            self._join(key, lane, order)
        elif slot == "none":
            self._leave(key)
        else:
            self._drop_from_line(key)
            if key not in self._held:
                self._hold(key, lane)
        self._ask_back()

    def _note_use(self, key: JobKey, lane: Lane, slot: SlotState) -> None:
        """What becomes of a slot that the job holds. One that was asked for is on its way until it is released."""
        if slot == "overdue":
            self._overdue.setdefault(key)
        else:
            self._overdue.pop(key, None)
            if slot != "none":
                self._asked.discard(key)
        self._note_node(key, lane if slot in ("nodeless", "overdue") else None)

    def _note_node(self, key: JobKey, lane: Lane | None) -> None:
        before = self._nodeless.pop(key, None)
        if before is not None:
            self._nodeless_in.subtract(before.scopes())
        if lane is not None:
            self._nodeless[key] = lane
            self._nodeless_in.update(lane.scopes())

    def _unnote(self, key: JobKey) -> None:
        self._overdue.pop(key, None)
        self._asked.discard(key)
        self._note_node(key, None)

    def _ask_back(self) -> None:
        """Ask as many overdue jobs for their slots as others wait for, and look at those that had not been asked."""
        if self._closed or not (self._overdue or self._asked):
            return
        on_their_way = [key for key in self._asked if key not in self._overdue]
        wanted = {lane: len(line) for lane, line in self._lanes.items()}
        before, self._asked = self._asked, set()
        for key in [*on_their_way, *self._overdue]:
            lane = next((each for each in wanted if self._would_serve(self._held[key], each)), None)
            if lane is None:
                continue
            self._asked.add(key)
            wanted[lane] -= 1
            if not wanted[lane]:
                del wanted[lane]
        for key in self._asked - before:
            self._wake(key)

    def _would_serve(self, held: Lane, waiting: Lane) -> bool:
        """Whether a slot of one lane counts against every limit that keeps a job of the other from starting."""
        return all(limit > 0 and scope in held.scopes() for scope, limit in self._reached(waiting))

    def _hold(self, key: JobKey, lane: Lane) -> None:
        before = self._held.get(key)
        if before == lane:
            return
        if before is not None:
            self._running.subtract(before.scopes())
        self._drop_from_line(key)
        self._held[key] = lane
        self._running.update(lane.scopes())
        self._grants += 1
        self._served[lane] = self._grants

    def _release(self, key: JobKey) -> None:
        self._recorded.discard(key)
        self._unnote(key)
        lane = self._held.pop(key, None)
        if lane is None:
            return
        for scope in lane.scopes():
            self._running[scope] -= 1
            if not self._running[scope]:
                del self._running[scope]
        self._hand_out()

    def _join(self, key: JobKey, lane: Lane, order: Order) -> None:
        if self._waiting.get(key) == (lane, order):
            return
        self._drop_from_line(key)
        if key in self._held and key not in self._recorded:
            self._release(key)
        self._waiting[key] = (lane, order)
        insort(self._lanes.setdefault(lane, []), order)
        self._hand_out()

    def _drop_from_line(self, key: JobKey) -> None:
        found = self._waiting.pop(key, None)
        if found is None:
            return
        lane, order = found
        line = self._lanes[lane]
        del line[bisect_left(line, order)]
        if not line:
            del self._lanes[lane]

    def _hand_out(self) -> None:
        """Promise every free slot to somebody who waits for it."""
        while self._lanes:
            open_lanes = [lane for lane in self._lanes if self._full(lane) is None]
            if not open_lanes:
                return
            oldest = min(self._lanes[lane][0].since for lane in open_lanes)
            lane = min(open_lanes, key=lambda each: self._rank(each, oldest))
            key = self._lanes[lane][0].key
            self._hold(key, lane)
            self._wake(key)

    def _rank(self, lane: Lane, oldest: str) -> tuple[bool, int, int]:
        """The smallest is served first. `oldest` is since when somebody waits in one of the lanes."""
        first = self._lanes[lane][0]
        return first.yielded and first.since > oldest, self._running[lane.share()], self._served.get(lane, 0)

    def _full(self, lane: Lane) -> tuple[Scope, int] | None:
        """The first limit that lets no further job of the lane start."""
        return next(iter(self._reached(lane)), None)

    def _reached(self, lane: Lane) -> list[tuple[Scope, int]]:
        """The limits that let no further job of the lane start."""
        own = self._profiles.get(lane.profile)
        limits = (
            self._limits.everywhere,
            self._limits.in_namespace,
            own.jobs if own is not None else None,
            own.in_namespace if own is not None else None,
        )
        return [
            (scope, limit)
            for scope, limit in zip(lane.scopes(), limits, strict=True)
            if limit is not None and (self._closed or self._running[scope] >= limit)
        ]
