"""The process under test: one implementation, one workload.

It prepares, prints ``ready``, then answers each count on its standard input with a line of JSON:
``{"cpu": seconds, "wall": seconds}``, or what the workload has measured itself as ``own``.
"""

from __future__ import annotations

import gc
import json
import sys
from time import perf_counter, process_time, sleep

from . import workloads  # noqa: F401  # it registers them
from .implementations import load
from .process import prepare
from .workloads.registry import WORKLOADS, Site

SETTLE = 0.005  # seconds, for the peer of the process that was measured before


def main(implementation: str, workload: str, port: str, folder: str, core: str) -> None:
    """Measure until standard input ends."""
    prepare(core)
    run = WORKLOADS[workload].build(Site(load(implementation, folder), int(port), folder))
    print("ready", flush=True)
    for line in sys.stdin:
        count = int(line)
        gc.collect()
        sleep(SETTLE)
        wall, cpu = perf_counter(), process_time()
        own = run(count)
        cpu, wall = process_time() - cpu, perf_counter() - wall
        print(json.dumps({"cpu": cpu, "wall": wall, "own": own}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
