"""Run a test module of the interpreter's own test suite, with `ssl` or with pytls in its place.

    python run.py ssl|pytls MODULE[:PATTERN] EVENTS [--only TEST…]

Writes lines of JSON to the file EVENTS: which tests there are, each that begins, each that has
ended, and the end. Tests that need another host are left out. A test that hangs ends the process.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import re
import sys
import unittest
from pathlib import Path
from typing import Any, Iterator, TextIO

#: seconds that one test may take
LIMIT = 60


def put_pytls_in_place() -> None:
    """Before the test module is imported: `ssl` is pytls, and `_ssl` what there is of it."""
    import pytls
    from pytls import _extension

    pytls.inject_into_ssl()
    extension = _extension.module()
    extension._test_decode_cert = decode_file
    sys.modules["_ssl"] = pytls._ssl = extension


def decode_file(path: str) -> dict[str, Any]:
    """The certificate in a PEM file, which may have text before it, as `getpeercert` tells it."""
    import pytls
    from pytls.x509 import decode

    text = Path(path).read_text(encoding="utf-8")
    start, end = text.index(pytls.PEM_HEADER), text.index(pytls.PEM_FOOTER)
    return decode(pytls.PEM_cert_to_DER_cert(text[start : end + len(pytls.PEM_FOOTER)]))


class Recorder(unittest.TestResult):
    """Tells how each test ends as it comes, since the process may not live to tell them all."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self.out = out
        self.texts: list[str] = []
        self.result = ""

    def tell(self, **fields: Any) -> None:
        self.out.write(json.dumps(fields) + "\n")
        self.out.flush()

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.texts, self.result = [], "passed"
        self.tell(test=test.id(), result="begun")
        faulthandler.dump_traceback_later(LIMIT, exit=True)

    def stopTest(self, test: unittest.TestCase) -> None:
        faulthandler.cancel_dump_traceback_later()
        super().stopTest(test)
        self.tell(test=test.id(), result=self.result, text="\n".join(self.texts))
        self.texts, self.result = [], ""  # Python 3.12.1 does not begin what it skips

    def failed(self, test: unittest.TestCase, error: Any) -> None:
        text = self._exc_info_to_string(error, test)
        if isinstance(test, unittest.TestCase):
            self.result = "failed"
            self.texts.append(text)
        else:  # the preparation of a class or module
            self.tell(test=test.id(), result="failed", text=text)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.failed(test, err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.failed(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.failed(test, err)
            self.texts[-1] = f"{subtest}\n{self.texts[-1]}"

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        if self.result != "failed":
            self.result = "skipped"
        self.texts.append(reason)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self.result = "failed"
        self.texts.append("it was expected to fail")


def tests_in(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """Each test of a suite, but for those of another host, which old test modules add by hand."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_in(test)
        elif not type(test).__name__.startswith("Networked"):
            yield test


def main() -> None:
    """Run what the arguments say."""
    which, suite, events, *only = sys.argv[1:]
    module_name, _, pattern = suite.partition(":")
    sys.argv[1:] = []
    if which == "pytls":
        put_pytls_in_place()
    from test import support

    support.verbose = 0
    support.use_resources = ["cpu", "largefile", "subprocess", "walltime"]
    module = importlib.import_module(module_name)
    loaded = unittest.defaultTestLoader.loadTestsFromModule(module)
    tests = [test for test in tests_in(loaded) if re.search(pattern, test.id())]
    with open(events, "w", encoding="utf-8") as out:
        recorder = Recorder(out)
        recorder.tell(result="listed", tests=[test.id() for test in tests])
        if only:
            tests = [test for test in tests if test.id() in only[1:]]
        unittest.TestSuite(tests).run(recorder)
        recorder.tell(result="finished")


if __name__ == "__main__":
    main()
