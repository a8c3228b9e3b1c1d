"""Who may start while the number of running jobs is limited."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from reconstruction_operator.model import JobKey, Turn
from reconstruction_operator.slots import Lane, Limits, Order, Slots

DEFAULT = ("", "default")


@dataclass
class Hall:
    """Slots, and a job's way through them as the operator leads it."""

    limits: Limits = field(default_factory=Limits)
    woken: list[JobKey] = field(default_factory=list)
    arrivals: int = 0
    lanes: dict[JobKey, Lane] = field(default_factory=dict)
    orders: dict[JobKey, Order] = field(default_factory=dict)
    running: set[JobKey] = field(default_factory=set)
    waiting: set[JobKey] = field(default_factory=set)
    overdue: set[JobKey] = field(default_factory=set)
    """Those that have held a slot without a node for too long."""

    def __post_init__(self) -> None:
        self.slots = Slots(self.limits, self.woken.append)

    def arrive(self, name: str, namespace: str = "n", profile: tuple[str, str] = DEFAULT, urgency: int = 0) -> JobKey:
        key = JobKey(namespace, name)
        self.arrivals += 1
        self.lanes[key] = Lane(namespace, profile)
        self.orders[key] = Order(urgency, f"{self.arrivals:04}", key)
        self.look(key)
        return key

    def look(self, key: JobKey) -> Turn:
        """The operator decides about the job, and writes what it decided."""
        lane, order = self.lanes[key], self.orders[key]
        turn = self.slots.turn(key, lane)
        if turn.wanted:
            self.yield_turn(key)
            return turn
        held = "overdue" if key in self.overdue else "held"
        self.slots.settle(key, lane, order, held if turn.granted else "waiting")
        self.waiting.add(key)
        if turn.granted:
            self.waiting.discard(key)
            self.running.add(key)
            self.slots.record(key, lane)
        return turn

    def yield_turn(self, key: JobKey) -> None:
        """Once its pod is gone, it is looked at again."""
        self.end(key)
        self.overdue.discard(key)
        self.arrivals += 1
        self.orders[key] = self.orders[key]._replace(since=f"{self.arrivals:04}", yielded=True)
        self.look(key)

    def find_no_node(self, key: JobKey) -> None:
        self.overdue.add(key)
        self.look(key)

    def end(self, key: JobKey) -> None:
        self.running.discard(key)
        self.slots.settle(key, self.lanes[key], self.orders[key], "none")
        self.slots.record(key, None)

    def look_at_woken(self) -> list[JobKey]:
        seen = list(self.woken)
        self.woken.clear()
        for key in seen:
            self.look(key)
        return seen


def test_without_limits_everybody_runs() -> None:
    hall = Hall()
    for number in range(50):
        hall.arrive(str(number))
    assert len(hall.running) == 50 and len(hall.slots) == 0


def test_beyond_the_limit_jobs_wait_and_are_told_why() -> None:
    hall = Hall()
    hall.slots.limit_profile(DEFAULT, 2, None)
    keys = [hall.arrive(name) for name in "abcd"]
    assert hall.running == set(keys[:2])
    assert hall.look(keys[3]) == Turn(False, "profile", 2, 1)


def test_the_first_that_waits_is_woken_when_a_job_ends_and_nobody_overtakes_it() -> None:
    hall = Hall(Limits(everywhere=1))
    first, second = hall.arrive("a"), hall.arrive("b")
    hall.end(first)
    hall.arrive("late")
    assert hall.running == set()
    assert hall.look_at_woken() == [second]
    assert hall.running == {second}


def test_while_not_all_jobs_are_known_those_that_hold_a_slot_keep_it_and_nobody_gets_one() -> None:
    hall = Hall(Limits(everywhere=2))
    hall.slots.close()
    first, second = JobKey("n", "first"), JobKey("n", "second")
    hall.slots.record(first, Lane("n", DEFAULT))
    new = hall.arrive("new")
    assert hall.running == set() and hall.woken == []
    assert hall.slots.turn(first, Lane("n", DEFAULT)).granted
    hall.slots.record(second, Lane("n", DEFAULT))  # it has ended, and its pod is stopping
    hall.slots.open()
    assert hall.woken == [] and not hall.slots.turn(new, hall.lanes[new]).granted
    hall.slots.record(second, None)
    assert hall.look_at_woken() == [new] and hall.running == {new}


def test_where_nothing_is_limited_nobody_waits_for_all_jobs_to_be_known() -> None:
    hall = Hall()
    hall.slots.close()
    assert hall.arrive("new") in hall.running


def test_the_urgent_come_before_the_old_within_a_namespace() -> None:
    hall = Hall(Limits(in_namespace=1))
    first = hall.arrive("a")
    hall.arrive("old", urgency=2)
    urgent = hall.arrive("urgent", urgency=0)
    hall.end(first)
    assert hall.look_at_woken() == [urgent]


def test_the_namespace_that_runs_least_is_next_however_many_others_wait() -> None:
    hall = Hall()
    hall.slots.limit_profile(DEFAULT, 2, None)
    busy = [hall.arrive(str(number), "busy") for number in range(20)]
    modest = hall.arrive("one", "modest")
    hall.end(busy[0])
    assert hall.look_at_woken() == [modest]


def test_namespaces_that_run_equally_many_take_turns() -> None:
    hall = Hall(Limits(everywhere=1))
    current = hall.arrive("first", "x")
    for number in range(3):
        for namespace in "abc":
            hall.arrive(str(number), namespace)
    order: list[str] = []
    while len(hall.slots):
        hall.end(current)
        current = hall.look_at_woken()[0]
        order.append(current.namespace)
    assert order == list("abcabcabc")


def test_a_full_profile_does_not_hold_up_another_one() -> None:
    hall = Hall()
    hall.slots.limit_profile(("", "gpu"), 0, None)
    hall.arrive("a", profile=("", "gpu"))
    other = hall.arrive("b", profile=("", "cpu"))
    assert hall.running == {other}


def test_a_raised_limit_starts_those_that_wait() -> None:
    hall = Hall()
    hall.slots.limit_profile(DEFAULT, 1, None)
    for name in "abc":
        hall.arrive(name)
    hall.slots.limit_profile(DEFAULT, 3, None)
    hall.look_at_woken()
    assert len(hall.running) == 3


def test_a_lowered_limit_stops_nothing_and_starts_nothing() -> None:
    hall = Hall()
    first, second, third = (hall.arrive(name) for name in "abc")
    hall.slots.limit_profile(DEFAULT, 1, None)
    assert hall.running == {first, second, third}
    fourth = hall.arrive("d")
    hall.end(first)
    hall.end(second)
    assert hall.look_at_woken() == []
    hall.end(third)
    assert hall.look_at_woken() == [fourth]


def test_a_job_that_no_longer_wants_its_promised_slot_leaves_it_to_the_next() -> None:
    hall = Hall(Limits(everywhere=1))
    first, second, third = (hall.arrive(name) for name in "abc")
    hall.end(first)
    hall.slots.settle(second, hall.lanes[second], hall.orders[second], "none")  # suspended meanwhile
    hall.woken.remove(second)
    assert hall.look_at_woken() == [third]


def test_a_waiting_job_that_is_deleted_is_forgotten() -> None:
    hall = Hall(Limits(everywhere=1))
    first, second, third = (hall.arrive(name) for name in "abc")
    hall.slots.forget(second)
    hall.end(first)
    assert hall.look_at_woken() == [third]


def test_jobs_without_a_node_are_asked_for_their_slots_as_soon_as_and_as_often_as_others_wait() -> None:
    hall = Hall(Limits(everywhere=2))
    stuck, well = hall.arrive("a"), hall.arrive("b")
    hall.find_no_node(stuck)
    assert hall.woken == []  # nobody waits
    first = hall.arrive("c")
    assert hall.woken == [stuck] and first in hall.waiting
    hall.look_at_woken()  # gives way, and its slot is promised
    assert hall.look_at_woken() == [first]
    assert hall.running == {well, first} and hall.waiting == {stuck}


def test_three_jobs_that_can_not_start_do_not_stop_the_others() -> None:
    hall = Hall(Limits(everywhere=3))
    for name in "abc":
        hall.find_no_node(hall.arrive(name, "stuck"))
    others = [hall.arrive(str(number), "other") for number in range(6)]
    for _ in range(20):
        if not hall.look_at_woken():
            break
    assert len(hall.running & set(others)) == 3
    ended = [key for key in others if key in hall.running]
    for key in ended:
        hall.end(key)
    hall.look_at_woken()
    assert hall.running == set(others) - set(ended), "those that gave way come after all that had waited"


def test_a_slot_that_is_on_its_way_back_counts_before_another_is_asked_for() -> None:
    hall = Hall(Limits(everywhere=2))
    one, two = hall.arrive("a"), hall.arrive("b")
    for key in (one, two):
        hall.find_no_node(key)
    hall.arrive("c")
    assert hall.woken == [one]
    hall.slots.settle(one, hall.lanes[one], hall.orders[one], "none")  # decided; its status is being written
    assert not hall.slots.turn(two, hall.lanes[two]).wanted


def test_only_a_slot_that_would_help_is_asked_for() -> None:
    hall = Hall(Limits(in_namespace=1))
    stuck = hall.arrive("a", "n")
    hall.find_no_node(stuck)
    hall.arrive("b", "m")
    hall.arrive("c", "m")
    assert hall.woken == [] and not hall.slots.turn(stuck, hall.lanes[stuck]).wanted
    hall.arrive("d", "n")
    assert hall.woken == [stuck]


def test_one_that_finds_a_node_after_all_is_no_longer_asked_and_another_is() -> None:
    hall = Hall(Limits(everywhere=2))
    one, two = hall.arrive("a"), hall.arrive("b")
    for key in (one, two):
        hall.find_no_node(key)
    hall.arrive("c")
    hall.woken.clear()
    hall.slots.settle(one, hall.lanes[one], hall.orders[one], "held")
    assert hall.woken == [two] and not hall.slots.turn(one, hall.lanes[one]).wanted


def test_those_that_wait_are_told_how_many_of_the_running_have_no_node() -> None:
    hall = Hall(Limits(everywhere=3))
    running = [hall.arrive(name) for name in "abc"]
    waits = hall.arrive("d")
    for key in running[:2]:
        hall.slots.settle(key, hall.lanes[key], hall.orders[key], "nodeless")
    assert hall.look(waits) == Turn(False, "everywhere", 3, 0, nodeless=2) and hall.slots.nodeless == 2
    hall.end(running[0])
    assert hall.slots.nodeless == 1


def test_a_job_that_yielded_does_not_wait_for_ever_behind_those_that_come_later() -> None:
    hall = Hall(Limits(everywhere=1))
    stuck = hall.arrive("a", "n")
    hall.find_no_node(stuck)
    waited = hall.arrive("b", "m")
    hall.look_at_woken()
    hall.look_at_woken()
    for number in range(5):
        hall.arrive(f"later-{number}", "m")
    hall.end(waited)
    assert hall.look_at_woken() == [stuck]


def test_a_new_process_counts_what_statuses_say() -> None:
    hall = Hall(Limits(everywhere=2))
    for name in "ab":
        hall.slots.record(JobKey("n", name), Lane("n", DEFAULT))
    hall.arrive("c")
    assert hall.running == set()


arrivals = st.tuples(st.just("arrive"), st.sampled_from("abc"), st.integers(0, 2))
events = st.lists(
    st.one_of(
        arrivals,
        st.tuples(st.sampled_from(["end", "forget", "woken", "limit"]), st.sampled_from("abc"), st.integers(0, 5)),
    ),
    max_size=60,
)


def test_a_job_that_can_not_be_looked_at_keeps_its_slot_and_lets_others_have_one_that_it_waits_for() -> None:
    hall = Hall(Limits(everywhere=1))
    runs, waits, other = hall.arrive("runs"), hall.arrive("waits"), hall.arrive("other", namespace="m")
    hall.slots.step_aside(runs)
    hall.slots.step_aside(waits)
    assert not hall.slots.turn(other, hall.lanes[other]).granted
    hall.end(runs)
    assert hall.woken == [other]
    hall.slots.step_aside(other)  # promised, and not to be looked at now either
    hall.look(waits)
    assert waits in hall.running


@settings(max_examples=200, deadline=None)
@given(events)
def test_limits_hold_and_no_slot_stays_empty_while_somebody_waits(history: list[tuple[str, str, int]]) -> None:
    hall = Hall(Limits(everywhere=4, in_namespace=2))
    limit = 3
    hall.slots.limit_profile(DEFAULT, limit, None)
    for what, namespace, number in history:
        mine = sorted(key for key in hall.running if key.namespace == namespace)
        if what == "arrive":
            hall.arrive(str(hall.arrivals), namespace, urgency=number)
        elif what == "end" and mine:
            hall.end(mine[number % len(mine)])
        elif what == "forget" and hall.lanes:
            key = sorted(hall.lanes)[number % len(hall.lanes)]
            hall.running.discard(key)
            hall.waiting.discard(key)
            hall.woken[:] = [each for each in hall.woken if each != key]
            hall.slots.forget(key)
        elif what == "woken":
            hall.look_at_woken()
        elif what == "limit" and number >= limit:
            limit = number
            hall.slots.limit_profile(DEFAULT, limit, None)
        by_namespace = Counter(key.namespace for key in hall.running)
        assert len(hall.running) <= min(4, limit)
        assert all(count <= 2 for count in by_namespace.values())
    hall.look_at_woken()
    assert hall.slots.running.get(("everywhere",), 0) == len(hall.running)
    assert len(hall.slots) == len(hall.waiting)
    assert not any(hall.slots.turn(key, hall.lanes[key]).granted for key in hall.waiting)
