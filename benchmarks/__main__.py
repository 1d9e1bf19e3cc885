"""``python -m benchmarks``: measure, and tell what it came to."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Sequence

from . import credentials, instructions, plot, report, workloads  # noqa: F401
from .implementations import BASELINE, NAMES
from .rounds import FailedError, Runner, run_all
from .workloads.registry import WORKLOADS, Workload, select

MODULES = {"ssl": "ssl", "pytls": "pytls", "pyOpenSSL": "OpenSSL", "bare": "pytls"}
QUICK = {"rounds": 1, "slices": 2, "seconds": 0.04}
FULL = {"rounds": 7, "slices": 4, "seconds": 0.15}


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="How fast pytls is beside the running ssl and beside pyOpenSSL. A ratio above "
        "1 is faster than ssl: of processor time, with elapsed time (wall) beside it.",
    )
    add = parser.add_argument
    add("--list", action="store_true", help="name the workloads")
    add("--only", metavar="NAME", nargs="+", default=[], help="those that begin so")
    add(
        "--with",
        dest="others",
        metavar="NAME",
        nargs="+",
        default=["pytls", "pyOpenSSL"],
        choices=NAMES,
        help="what to hold against ssl: pytls, pyOpenSSL (default: both, as installed); or bare, "
        "the calls of C without what makes them safe, the least that ctypes can cost (not plotted)",
    )
    add("--quick", action="store_true", help="one short round, for a first look: under a minute")
    add("--rounds", type=int, help="how many rounds (7; quick: 1)")
    add("--json", metavar="FILE", help="write every round's figures")
    add("--plot", metavar="FILE", help="write the ratios as SVG")
    add(
        "--growth",
        action="store_true",
        help="instead: what a byte and a connection cost, as there are more of them",
    )
    add(
        "--instructions",
        action="store_true",
        help="instead: instructions a turn, counted by valgrind's callgrind",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit code."""
    asked = arguments(argv)
    if asked.list:
        print("\n".join(f"{one.name:24}{one.title}" for one in WORKLOADS.values()))
        return 0
    try:
        chosen = select("growth" if asked.growth else "speed", asked.only)
    except KeyError as error:
        print(f"no workload is called {error}; --list names them", file=sys.stderr)
        return 2
    names = [BASELINE]
    for name in asked.others:
        if importlib.util.find_spec(MODULES[name]) is None:
            print(f"{name} is not installed: left out", file=sys.stderr)
        elif name not in names:
            names.append(name)
    with tempfile.TemporaryDirectory() as folder:
        credentials.make(folder)
        try:
            if asked.instructions:
                print(instructions.table(folder, chosen, names))
            else:
                measure(asked, chosen, names, folder)
        except FailedError as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
    return 0


def measure(
    asked: argparse.Namespace, chosen: Sequence[Workload], names: list[str], folder: str
) -> None:
    """Run the rounds; print the table, write the files."""
    pace = QUICK if asked.quick else FULL
    runner = Runner(folder, float(pace["seconds"]), int(pace["slices"]))

    def tell(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    where = report.machine(names)
    results = run_all(chosen, names, asked.rounds or int(pace["rounds"]), runner, tell)
    tell("")
    print("\n".join(f"{key}: {value}" for key, value in where.items()))
    print()
    print(report.table(results, names))
    if asked.json:
        Path(asked.json).write_text(json.dumps(report.as_json(results, where), indent=1) + "\n")
    if asked.plot:
        caption = f"Times as fast as ssl; CPython {where['python']}, {where['ssl']}"
        Path(asked.plot).write_text(plot.svg(results, names, caption))


if __name__ == "__main__":
    sys.exit(main())
