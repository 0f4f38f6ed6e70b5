"""Asks all contestants for the same things in turns, so that whatever else the machine does slows all."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from benchmarks.peers.browser import LIMIT, Browser, Refused, TooSlow
from benchmarks.peers.results import Measurement, Result
from benchmarks.peers.running import Running
from benchmarks.peers.tasks import Task

CLIENTS: Final = 8
#: Times that do not count: nothing is in memory before the first, and PostgreSQL keeps the plan of a prepared
#: statement from the sixth on.
WARMING: Final = 6


@dataclass
class Samples:
    """What one contestant has needed for one task so far."""

    milliseconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    note: str = ""
    spent: float = 0.0

    def is_enough(self, rounds: int, budget: float) -> bool:
        """Whether to stop asking. Who is slow is asked less often; who is very slow, once."""
        count = len(self.milliseconds)
        is_slow = count >= 3 and self.spent > budget
        is_very_slow = count >= 1 and self.spent > 3 * budget
        return bool(self.note) or count >= rounds or is_slow or is_very_slow


def measure(task: Task, contestants: Sequence[Running], *, rounds: int, budget: float) -> Measurement:
    """Each up to `rounds` times, after some that do not count; see `is_enough` for `budget`.

    Whoever has used a quarter of the budget by then is warm.
    """
    samples = {each.key: Samples() for each in contestants}
    for each in contestants:
        each.forget_peak()
    for number in range(rounds + WARMING):
        for each in _in_turns(contestants, number):
            if not samples[each.key].is_enough(rounds, budget):
                is_warm = number >= WARMING or samples[each.key].spent > budget / 4
                _once(task, each, number, samples[each.key], counts=is_warm)
    return Measurement(
        task.key, task.label, {each.key: _result(each, samples[each.key]) for each in contestants}
    )


def _in_turns(contestants: Sequence[Running], number: int) -> Iterator[Running]:
    """Each time another one begins: who comes first warms the database's memory for the others."""
    first = number % len(contestants)
    yield from contestants[first:]
    yield from contestants[:first]


def _once(task: Task, running: Running, number: int, samples: Samples, *, counts: bool) -> None:
    try:
        step = task.step(running.contestant, running.browser, number)
        before, started = running.cpu_seconds(), time.perf_counter()
        answer = step()
        taken, after = time.perf_counter() - started, running.cpu_seconds()
        task.check(answer)
    except TooSlow:
        samples.note = f"> {LIMIT:.0f} s"
        task.give_up()
        running.start_again()
    except Refused as refused:
        samples.note = str(refused)
    else:
        if counts:
            samples.milliseconds.append(taken * 1000)
            samples.cpu.extend([(after - before) * 1000] if before is not None and after is not None else [])
        samples.spent += taken


def _result(running: Running, samples: Samples) -> Result:
    peak = running.peak_mib()
    if samples.note:
        return Result(note=samples.note)
    cpu = round(sum(samples.cpu) / len(samples.cpu), 1) if samples.cpu else None
    return Result.of(samples.milliseconds, cpu=cpu, peak=peak and round(peak, 1))


def throughput(contestants: Sequence[Running], *, seconds: float, rounds: int) -> dict[str, float]:
    """First list pages a second, at eight clients that ask as fast as they are answered."""
    counts: dict[str, list[float]] = {each.key: [] for each in contestants}
    for number in range(rounds):
        for each in _in_turns(contestants, number):
            counts[each.key].append(_pages_a_second(each, seconds))
    return {key: round(sum(rates) / len(rates), 1) for key, rates in counts.items()}


def _pages_a_second(running: Running, seconds: float) -> float:
    path = running.contestant.rows()
    browsers = [running.browser.another() for _ in range(CLIENTS)]
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        pages = sum(threads.map(lambda browser: _pages(browser, path, started + seconds), browsers))
    taken = time.perf_counter() - started
    for browser in browsers:
        browser.close()
    return pages / taken


def _pages(browser: Browser, path: str, until: float) -> int:
    pages = 0
    while time.perf_counter() < until:
        browser.get(path)
        pages += 1
    return pages
