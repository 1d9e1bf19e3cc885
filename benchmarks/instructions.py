"""Instructions instead of seconds: repeatable on a machine that does other things too.

valgrind runs the process under test with two counts of turns; the difference is what the turns
take. It sees neither the kernel nor the other end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import Sequence

from .implementations import BASELINE
from .report import short
from .rounds import FailedError, Process
from .workloads.registry import Workload

TURNS = (20, 220)
VALGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")


def table(folder: str, workloads: Sequence[Workload], names: Sequence[str]) -> str:
    """Instructions a turn, and how many times as few as the baseline.

    :raises FailedError: valgrind or the process under it has failed.
    """
    rows = [f"{'workload':36}" + "".join(f"{name:>20}" for name in names)]
    for workload in workloads:
        mine = [name for name in names if name in workload.who.split()]
        if workload.turns is not None or workload.figure != "cpu":
            continue
        counts = {name: _a_turn(folder, workload, name) for name in mine}
        row = f"{workload.title:36}{counts[BASELINE]:20,.0f}"
        for name in names[1:]:
            cell = ""
            if name in counts:
                cell = f"{counts[name]:,.0f} ({short(counts[BASELINE] / counts[name])})"
            row += cell.rjust(20)
        rows.append(row)
        print(row, file=sys.stderr)
    return "\n".join(rows)


def _a_turn(folder: str, workload: Workload, name: str) -> float:
    few, many = (_counted(folder, workload, name, turns) for turns in TURNS)
    return (many - few) / (TURNS[1] - TURNS[0])


def _counted(folder: str, workload: Workload, name: str, turns: int) -> int:
    """All instructions of a process that does so many turns."""
    with ExitStack() as stack, tempfile.TemporaryFile("w+") as told:
        port = Process(stack, "peer", folder, "any").line().strip()
        program = [sys.executable, "-m", "benchmarks.worker", name, workload.name, port, folder]
        done = subprocess.run(
            [*VALGRIND, *program, "any"],
            input=f"{turns}\n",
            stdout=subprocess.DEVNULL,
            stderr=told,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=False,
        )
        told.seek(0)
        said = told.read()
    found = re.search(r"Collected : (\d+)", said)
    if done.returncode or found is None:
        raise FailedError(said)
    return int(found[1])
