"""What a run has shown: as a table for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any, Sequence

from .implementations import BASELINE
from .rounds import Result, quantile

RELEASES = {
    "ssl": "import ssl; print(ssl.OPENSSL_VERSION)",
    "pytls": "import pytls; print(pytls.OPENSSL_VERSION)",
    "bare": "import pytls; print(pytls.OPENSSL_VERSION)",
    "pyOpenSSL": "from OpenSSL import SSL; print(SSL.OpenSSL_version(0).decode())",
}


def machine(names: Sequence[str]) -> dict[str, str]:
    """Where it ran, and on which OpenSSL each implementation stands."""
    found = {
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": f"{os.cpu_count()} cores, {_processor()}",
    }
    for name in names:
        program = [sys.executable, "-c", RELEASES[name]]
        found[name] = subprocess.run(
            program, capture_output=True, text=True, check=True
        ).stdout.strip()
    return found


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def amount(cost: float, result: Result) -> str:
    """A cost a turn as people read it: so many a second, or what the unit is."""
    workload = result.workload
    if workload.unit == "s":
        return f"{cost * 1000:.1f} ms"
    if workload.unit == "B":
        return f"{cost / 1024:.1f} KiB"
    rate = workload.amount / cost
    if workload.unit == "B/s":
        return f"{rate / 1e6:.0f} MB/s"
    return f"{rate / 1000:.1f}k/s" if rate >= 10_000 else f"{rate:.0f}/s"


def figures(result: Result, name: str) -> tuple[str, str]:
    """The ratio with its quartiles, and that of elapsed time."""
    figure = result.workload.figure
    ratios = result.ratios(name, BASELINE, figure)
    text = short(quantile(ratios, 0.5))
    if len(ratios) > 1:
        text += f" ({short(quantile(ratios, 0.25))}-{short(quantile(ratios, 0.75))})"
    if figure != "cpu":
        return text, ""
    return text, short(quantile(result.ratios(name, BASELINE, "wall"), 0.5))


def short(ratio: float) -> str:
    """Two digits after the point, fewer where they say nothing."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:.0f}"


def table(results: Sequence[Result], names: Sequence[str]) -> str:
    """A table in Markdown that reads as it is, too."""
    others = [name for name in names if name != BASELINE]
    head = ["workload", BASELINE]
    for name in others:
        head += [name, "ratio", "wall"]
    head.append("to reach")
    rows = [head]
    for result in results:
        workload = result.workload
        row = [workload.title, amount(result.cost(BASELINE, workload.figure), result)]
        for name in others:
            if name in result.rounds[0]:
                row += [amount(result.cost(name, workload.figure), result), *figures(result, name)]
            else:
                row += ["", "", ""]
        row.append("" if workload.reach is None else f"{workload.reach:g}")
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
        for row in rows
    )


def as_json(results: Sequence[Result], where: dict[str, str]) -> dict[str, Any]:
    """Every round's costs a turn, in seconds or in the workload's own unit, and the machine."""
    return {
        "machine": where,
        "workloads": [
            {
                "name": result.workload.name,
                "title": result.workload.title,
                "figure": result.workload.figure,
                "amount": result.workload.amount,
                "unit": result.workload.unit,
                "reach": result.workload.reach,
                "rounds": [
                    {name: cost._asdict() for name, cost in costs.items()}
                    for costs in result.rounds
                ],
            }
            for result in results
        ],
    }
