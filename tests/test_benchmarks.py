"""That the benchmarks run; what they come to is not tested, as machines differ and are busy."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def benchmarks(*arguments: str) -> str:
    """What ``python -m benchmarks`` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_quick_run_measures_and_tells(tmp_path: Path) -> None:
    """A table, every figure as JSON, and a picture that is XML."""
    figures, picture = tmp_path / "figures.json", tmp_path / "ratios.svg"
    told = benchmarks(
        *"--quick --with pytls bare --only handshake13-client recv-16k bio-64 context".split(),
        *f"--json {figures} --plot {picture}".split(),
    )

    measured = {one["name"]: one for one in json.loads(figures.read_text())["workloads"]}
    assert list(measured) == ["handshake13-client", "recv-16k", "bio-64", "context"]
    for name, workload in measured.items():
        assert workload["title"] in told
        for costs in workload["rounds"]:
            assert set(costs) == {"ssl", "pytls"} | ({"bare"} if name != "context" else set())
            assert all(cost["cpu"] > 0 and cost["wall"] > 0 for cost in costs.values())
    titles = [element.text for element in ET.parse(picture).iter() if element.text]
    assert {workload["title"] for workload in measured.values()} <= set(titles)
    assert "pytls" in titles
    assert "bare" not in titles


def test_it_names_its_workloads_and_refuses_others() -> None:
    """``--list`` has all that ``--only`` takes."""
    names = [line.split()[0] for line in benchmarks("--list").splitlines()]
    assert {"resume12", "ping-busy", "asyncio-64", "import", "memory"} <= set(names)

    program = [sys.executable, "-m", "benchmarks", "--only", "nonesuch"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nonesuch" in done.stderr


TURNS = """
import sys
from benchmarks import credentials, workloads
from benchmarks.implementations import load
from benchmarks.rounds import ExitStack, Process
from benchmarks.workloads.registry import WORKLOADS, Site

credentials.make(sys.argv[1])
with ExitStack() as stack:
    port = int(Process(stack, "peer", sys.argv[1], "any").line())
    site = Site(load("bare", sys.argv[1]), port, sys.argv[1])
    for name, workload in WORKLOADS.items():
        if "bare" in workload.who.split() and workload.group == "speed":
            print(name, flush=True)
            run = workload.build(site)
            run(1)
            run(4)
    del run
"""


def test_bare_calls_do_what_the_workloads_ask_for(tmp_path: Path) -> None:
    """Every workload that has them, a few turns each."""
    done = subprocess.run(
        [sys.executable, "-c", TURNS, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    names = done.stdout.split()
    assert {"resume12", "makefile", "ping-timeout", "http", "bio-bulk", "asyncio-64"} <= set(names)
    assert not {"import", "memory", "getpeercert"} & set(names)
