"""The interpreter's own tests of TLS, each module in a process where pytls has the place of `ssl`.

What passes with `ssl` must pass with pytls. `expected.ini` has the exceptions.
"""

from __future__ import annotations

import configparser
import fnmatch
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple

import pytest

import pytls

HERE = Path(__file__).resolve().parent
ROOT = Path(pytls.__file__).resolve().parent.parent
PYTHON = "{}.{}".format(*sys.version_info)

#: Modules; of those that have more to do than TLS, the tests that have this in their names
SUITES = """
    test.test_ssl
    test.test_asyncio.test_ssl
    test.test_asyncio.test_sslproto
    test.test_asyncio.test_base_events
    test.test_asyncio.test_buffered_proto
    test.test_asyncio.test_events:ssl
    test.test_asyncio.test_selector_events
    test.test_asyncio.test_sendfile
    test.test_asyncio.test_server
    test.test_asyncio.test_streams
    test.test_asyncio.test_unix_events
    test.test_ftplib:TLS
    test.test_httplib
    test.test_imaplib:SSL
    test.test_poplib:SSL|TLS
    test.test_smtplib
    test.test_urllib2_localnet
""".split()

#: seconds that a module may take
LIMIT = 900

Events = List[Dict[str, Any]]


class Outcome(NamedTuple):
    """How one test ended: "passed", "skipped" or "failed", and its words."""

    result: str
    text: str

    def falls_short_of(self, other: Outcome) -> bool:
        """Whether less was done here than there."""
        order = ("failed", "skipped", "passed")
        return order.index(self.result) < order.index(other.result)


Outcomes = Dict[str, Outcome]


def run(
    which: str, suite: str, folder: Path, only: Iterable[str] | None = None
) -> tuple[list[str], Outcomes]:
    """Run all tests of a suite, or `only` some, with `ssl` or with `pytls` in its place.

    A test that ends its process has failed; the others are run in another one.

    :returns: the names of all tests that the suite has, and the outcomes of those that ran.
    """
    outcomes: Outcomes = {}
    while True:
        (listed, *events), log = run_process(which, suite, folder, only)
        only = listed["tests"] if only is None else only
        for event in events:
            if event["result"] == "begun":
                outcomes[event["test"]] = Outcome("failed", f"the process ended in it\n{log}")
            elif event["result"] != "finished":
                outcomes[event["test"]] = Outcome(event["result"], event["text"])
        left = [test for test in only if test not in outcomes]
        if left and (not events or events[-1]["result"] == "finished"):
            outcomes.update(dict.fromkeys(left, Outcome("failed", f"it was not run\n{log}")))
        elif not left:
            return listed["tests"], outcomes
        only = left


def run_process(
    which: str, suite: str, folder: Path, only: Iterable[str] | None
) -> tuple[Events, str]:
    """What `run.py` tells of its tests, and the end of what it writes for people."""
    path = folder / f"{which}.events"
    chosen = [] if only is None else ["--only", *only]
    done = subprocess.run(
        [sys.executable, HERE / "run.py", which, suite, path, *chosen],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(folder))),
            "OPENSSL_CONF": os.devnull,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
        check=False,
    )
    log = done.stdout.decode(errors="replace")[-5000:]
    assert path.exists(), log
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.unlink()
    return events, log


def expected(suite: str, how: str = "") -> Iterator[str]:
    """The patterns in `expected.ini` for tests of the suite that fail so on this Python."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str
    parser.read(HERE / "expected.ini", encoding="utf-8")
    module = suite.partition(":")[0]
    for section in parser.sections():
        heading, _, pythons = section.partition(" on ")
        if heading == f"{module} {how}".rstrip() and PYTHON in pythons.split():
            yield from (f"{module}.{pattern}" for pattern in parser[section])


@pytest.mark.timeout(4 * LIMIT)
@pytest.mark.parametrize("suite", SUITES)
def test_what_passes_with_ssl_passes_with_pytls(suite: str, tmp_path: Path) -> None:
    """No test fails or is skipped that is not with `ssl`, but for what is expected."""
    try:
        if importlib.util.find_spec(suite.partition(":")[0]) is None:
            # CPython has split and renamed suites; those of each Python are there
            pytest.skip(f"this Python has no {suite}")
    except ModuleNotFoundError:
        # Debian and others package them apart
        pytest.skip("this Python came without its own tests")

    tests, outcomes = run("pytls", suite, tmp_path)
    in_doubt = [test for test, outcome in outcomes.items() if outcome.result != "passed"]
    tests_of_ssl, by_ssl = run("ssl", suite, tmp_path, only=in_doubt)
    short = {test for test in in_doubt if outcomes[test].falls_short_of(by_ssl[test])}

    excuses = {pattern: fnmatch.filter(short, pattern) for pattern in expected(suite)}
    by_chance = (fnmatch.filter(short, pattern) for pattern in expected(suite, "by chance"))
    short.difference_update(*excuses.values(), *by_chance)
    if short:  # the port that a test had found free may be another program's by then
        print("Once more:", *short)
        outcomes.update(run("pytls", suite, tmp_path, only=short)[1])
        short = {test for test in short if outcomes[test].falls_short_of(by_ssl[test])}

    assert tests == tests_of_ssl
    assert not short, "".join(f"\n{test}\n{outcomes[test].text}" for test in sorted(short))
    assert not [pattern for pattern, failed in excuses.items() if not failed], "stale excuses"


OF_EACH_KIND = """
import os, ssl, unittest

class Tests(unittest.TestCase):
    def test_a_passes(self):
        self.assertEqual(ssl.__name__, WHICH)
    def test_b_fails(self):
        self.fail("so it is")
    def test_c_fails_in_part(self):
        for part in range(3):
            with self.subTest(part=part):
                self.assertNotEqual(part, 1)
    def test_d_ends_the_process(self):
        os._exit(1)
    def test_e_is_skipped(self):
        self.skipTest("not today")
    @unittest.expectedFailure
    def test_f_fails_as_expected(self):
        self.fail()
    @unittest.expectedFailure
    def test_g_passes_unexpectedly(self):
        pass

class Unprepared(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise OSError
    def test_is_not_run(self):
        pass

class NetworkedTests(unittest.TestCase):
    def test_is_left_out(self):
        self.fail()
"""


@pytest.mark.parametrize("which", ["ssl", "pytls"])
def test_each_kind_of_outcome_is_told(which: str, tmp_path: Path) -> None:
    """What these tests rest on: whatever a test does, its outcome and the others' are known."""
    code = OF_EACH_KIND.replace("WHICH", repr(which))
    (tmp_path / "of_each_kind.py").write_text(code, encoding="utf-8")

    tests, outcomes = run(which, "of_each_kind", tmp_path)

    results = {name.rpartition(".")[2]: outcome.result for name, outcome in outcomes.items()}
    assert {name: results[name] for name in results if name.startswith("test_")} == {
        "test_a_passes": "passed",
        "test_b_fails": "failed",
        "test_c_fails_in_part": "failed",
        "test_d_ends_the_process": "failed",
        "test_e_is_skipped": "skipped",
        "test_f_fails_as_expected": "passed",
        "test_g_passes_unexpectedly": "failed",
        "test_is_not_run": "failed",
    }
    assert len(tests) == 8
