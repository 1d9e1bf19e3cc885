"""What a repeated action keeps: memory and descriptors by their slope, not by their size."""

from __future__ import annotations

import gc
import math
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


def slope(
    action: Callable[[], Any], times: int, points: int = POINTS, most: float = math.inf
) -> Slope:
    """Do it so many times; the line of least squares through the memory that it took.

    :param points: how often memory is measured.
    :param most: seconds after which it is enough, with `POINTS` measured.
    """
    start, count = time.monotonic(), max(times // points, 1)
    opened, measured = 0, []
    for point in range(points):
        if point >= POINTS and time.monotonic() - start > most:
            break
        for _ in range(count):
            action()
        gc.collect()
        if point >= RUN_UP:
            measured.append(((point + 1) * count, resident()))
        else:
            opened = descriptors()
    middle_x = sum(x for x, _ in measured) / len(measured)
    middle_y = sum(y for _, y in measured) / len(measured)
    over = sum((x - middle_x) * (y - middle_y) for x, y in measured)
    under = sum((x - middle_x) ** 2 for x, _ in measured)
    seconds = time.monotonic() - start
    done, resident_now = measured[-1]
    return Slope(done, seconds, over / under, descriptors() - opened, resident_now)
