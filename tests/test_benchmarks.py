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
        *"--quick --with pytls --only handshake13-client recv-16k sendall-1k bio-64".split(),
        *f"--json {figures} --plot {picture}".split(),
    )

    measured = {one["name"]: one for one in json.loads(figures.read_text())["workloads"]}
    assert list(measured) == ["handshake13-client", "recv-16k", "sendall-1k", "bio-64"]
    for workload in measured.values():
        assert workload["title"] in told
        for costs in workload["rounds"]:
            assert set(costs) == {"ssl", "pytls"}
            assert all(cost["cpu"] > 0 and cost["wall"] > 0 for cost in costs.values())
    titles = [element.text for element in ET.parse(picture).iter() if element.text]
    assert {workload["title"] for workload in measured.values()} <= set(titles)


def test_it_names_its_workloads_and_refuses_others() -> None:
    """``--list`` has all that ``--only`` takes."""
    names = [line.split()[0] for line in benchmarks("--list").splitlines()]
    assert {"resume12", "ping-busy", "asyncio-64", "import", "memory"} <= set(names)

    program = [sys.executable, "-m", "benchmarks", "--only", "nonesuch"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nonesuch" in done.stderr
