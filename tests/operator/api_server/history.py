"""Random histories: which step follows which is drawn from a seed, and so are all faults of the network."""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import virtual_time
from .promises import BrokenPromiseError
from .steps import BY_NAME, RARE, STEPS, USUAL
from .world import JOBS, World

_TROUBLE = (0.0, 0.05, 0.2, 0.4)


class Step(NamedTuple):
    name: str
    number: int


def history(seed: int, length: int) -> list[Step]:
    numbers = random.Random(seed)
    names = [*USUAL * 3, *STEPS, *RARE[seed % 2 :: 2]]
    return [Step(numbers.choice(names), numbers.randrange(1000)) for _ in range(length)]


def play(seed: int, steps: Sequence[Step]) -> None:
    """Raises BrokenPromiseError; whatever an error says of the operator or of this package goes through as well."""
    with _unlogged():
        try:
            virtual_time.run(_play(seed, steps))
        except virtual_time.BusyError as busy:
            raise BrokenPromiseError(f"the operator is busy without end, {busy}") from busy


async def _play(seed: int, steps: Sequence[Step]) -> None:
    world = World(seed, queued=seed % 5 == 4)
    world.network.trouble = _TROUBLE[seed % len(_TROUBLE)]
    await world.begin()
    keys = list(JOBS)
    try:
        for number, step in enumerate(steps):
            world.chronicle.note(f"{number + 1}: {step.name} {step.number}")
            try:
                done = BY_NAME[step.name](world, keys[step.number % len(keys)], step.number)
                if done is not None:
                    await done
                await world.time.idle()
                world.promises.check()
            except BrokenPromiseError as broken:
                raise BrokenPromiseError(f"after step {number + 1}, {step.name}: {broken}") from broken
        await world.hold_still()
    except BrokenPromiseError as broken:
        broken.add_note("\n".join(world.chronicle.lines))
        raise
    finally:
        await world.end()


def shortest(seed: int, steps: Sequence[Step], attempts: int = 60) -> list[Step]:
    """A shorter history that breaks a promise as well: parts of it are left out as long as that is so."""
    kept, size = list(steps), max(1, len(steps) // 2)
    while size and attempts:
        position = 0
        while position < len(kept) and attempts:
            attempts -= 1
            shorter = kept[:position] + kept[position + size :]
            if _breaks(seed, shorter):
                kept = shorter
            else:
                position += size
        size //= 2
    return kept


def _breaks(seed: int, steps: Sequence[Step]) -> bool:
    try:
        play(seed, steps)
    except BrokenPromiseError:
        return True
    return False


def told(steps: Sequence[Step]) -> str:
    """For a person, and to be played again."""
    return "\n".join(f"    Step({step.name!r}, {step.number})," for step in steps)


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """Everything that a history does to the operator is worth a warning."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
