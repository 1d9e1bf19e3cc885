"""Running a workload: fresh processes a round, which take turns, forth and back.

Two processes that run the same code differ by some percent for life, so each round has its own,
and the median over the rounds is the figure. Within a round the implementations take turns, A B
B A, so that what else happens on the machine falls on all alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from typing import Any, Callable, Dict, NamedTuple, Sequence

from .workloads.registry import Workload

MOST_TURNS = 1 << 22


class Cost(NamedTuple):
    """What one turn costs: seconds, or what the workload measures itself."""

    cpu: float
    wall: float
    own: float

    def of(self, figure: str) -> float:
        """The one that the workload is judged by."""
        return float(getattr(self, figure))


Round = Dict[str, Cost]
"""What a turn has cost each implementation."""


class FailedError(Exception):
    """A process has ended before its time; its own words on standard error tell why."""


class Process:
    """A peer or a process under test, spoken to by lines."""

    def __init__(self, stack: ExitStack, module: str, *arguments: str) -> None:
        self._name = f"{module} {' '.join(arguments)}"
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        stack.enter_context(process)  # waits for it
        assert process.stdin is not None
        assert process.stdout is not None
        stack.callback(process.stdin.close)
        self._in, self._out = process.stdin, process.stdout

    def line(self) -> str:
        """What it says next."""
        said = self._out.readline()
        if not said:
            raise FailedError(self._name)
        return said

    def measure(self, turns: int) -> Cost:
        """Let it do so many turns; what one of them has cost."""
        print(turns, file=self._in, flush=True)
        said = json.loads(self.line())
        return Cost(*((said[key] or 0.0) / turns for key in Cost._fields))


class Runner:
    """Measures workloads."""

    def __init__(self, folder: str, seconds: float, slices: int) -> None:
        self._folder = folder
        self._seconds = seconds
        self._slices = slices
        self._turns: dict[tuple[str, str], int] = {}

    def round(self, workload: Workload, names: Sequence[str], number: int) -> Round:
        """One round of `workload`, with processes of its own.

        :param names: the implementations, the first being the one that the others are held against.
        :raises FailedError: a process has ended before its time.
        """
        core = str(number % (os.cpu_count() or 1)) if workload.pinned else "any"
        with ExitStack() as stack:
            port = Process(stack, "peer", self._folder, core).line().strip()
            processes = {
                name: Process(stack, "worker", name, workload.name, port, self._folder, core)
                for name in names
            }
            for process in processes.values():
                process.line()
            if workload.turns is not None:
                return {name: processes[name].measure(workload.turns) for name in names}
            turns = {
                name: self._calibrate(workload, name, process)
                for name, process in processes.items()
            }
            spent: dict[str, list[Cost]] = {name: [] for name in names}
            order = list(names)
            for _ in range(self._slices):
                for name in order:
                    spent[name].append(processes[name].measure(turns[name]))
                order.reverse()
            return {name: _mean(costs) for name, costs in spent.items()}

    def _calibrate(self, workload: Workload, name: str, process: Process) -> int:
        """Warm it up; how many turns fill a slice."""
        known = self._turns.get((workload.name, name))
        if known is not None:
            process.measure(max(1, known // 4))
            return known
        process.measure(1)  # imports what it needs, and is no measure
        turns = 1
        while True:
            elapsed = process.measure(turns).wall * turns
            if elapsed > self._seconds / 4 or turns >= MOST_TURNS:
                break
            turns *= 4
        turns = max(1, round(turns * self._seconds / elapsed))
        self._turns[workload.name, name] = turns
        return turns


def _mean(costs: list[Cost]) -> Cost:
    return Cost(*(sum(column) / len(costs) for column in zip(*costs)))


class Result(NamedTuple):
    """All rounds of one workload."""

    workload: Workload
    rounds: list[Round]

    def ratios(self, name: str, baseline: str, figure: str) -> list[float]:
        """How many times as fast as `baseline` the implementation was, a number a round."""
        return sorted(costs[baseline].of(figure) / costs[name].of(figure) for costs in self.rounds)

    def cost(self, name: str, figure: str) -> float:
        """What a turn costs: the median."""
        return quantile(sorted(costs[name].of(figure) for costs in self.rounds), 0.5)


def quantile(ordered: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie."""
    at = part * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def run_all(
    workloads: Sequence[Workload],
    names: Sequence[str],
    rounds: int,
    runner: Runner,
    tell: Callable[[str], Any],
) -> list[Result]:
    """Every workload, round by round: a disturbance falls on one round of each, not on one's all.

    :raises FailedError: a process has ended before its time.
    """
    results = {workload.name: Result(workload, []) for workload in workloads}
    for number in range(rounds):
        for workload in workloads:
            tell(f"round {number + 1} of {rounds}: {workload.name}")
            mine = [name for name in names if name in workload.who.split()]
            results[workload.name].rounds.append(runner.round(workload, mine, number))
    return list(results.values())
