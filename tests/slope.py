"""What a repeated action keeps: memory and descriptors by their slope, not by their size."""

from __future__ import annotations

import gc
import os
import time
from typing import Any, Callable, NamedTuple

POINTS = 12  # measured; the first ones are a run-up and do not count
RUN_UP = 4


class Slope(NamedTuple):
    """What remains of each time."""

    times: int
    seconds: float
    memory: float  #: bytes a time
    descriptors: int  #: more than at first
    resident: int  #: bytes at the end


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))


def slope(action: Callable[[], Any], times: int) -> Slope:
    """Do it so many times; the line of least squares through the memory that it took."""
    start, count = time.monotonic(), max(times // POINTS, 1)
    opened, points = 0, []
    for point in range(POINTS):
        for _ in range(count):
            action()
        gc.collect()
        if point >= RUN_UP:
            points.append(((point + 1) * count, resident()))
        else:
            opened = descriptors()
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    over = sum((x - middle_x) * (y - middle_y) for x, y in points)
    under = sum((x - middle_x) ** 2 for x, _ in points)
    seconds = time.monotonic() - start
    return Slope(
        POINTS * count, seconds, over / under, descriptors() - opened, round(points[-1][1])
    )
