"""Every difference from `ssl`: docs/differences.md, written from what the tests know.

    differences.py            write the document
    differences.py --check    say whether it is what would be written

A test that holds a difference has a mark, ``pytest.mark.difference(section, text)``. The rest comes
from the tables of tests/test_signatures.py and from tests/conformance/expected.ini.
"""

from __future__ import annotations

import ast
import configparser
import sys
import textwrap
from pathlib import Path
from typing import Any, Iterator

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/differences.md"
TESTS = ROOT / "tests"
SIGNATURES = TESTS / "test_signatures.py"
EXPECTED = TESTS / "conformance/expected.ini"

HEAD = """\
# Where pytls differs from `ssl`

<!-- Written by tools/differences.py from what the tests know; do not edit. -->

On purpose, each with the test in tests/ that holds it. Everything else is meant to be equal, and a
difference that is not listed here is a fault.
"""

SECTIONS = {
    "more": "More than `ssl` has",
    "contexts": "Names, contexts and certificates",
    "connections": "Connections",
    "errors": "Errors",
}


def main() -> int:
    """Do what the command line says; the exit code."""
    if sys.argv[1:] not in ([], ["--check"]):
        print(__doc__)
        return 2
    text = document()
    if sys.argv[1:] == ["--check"]:
        return 0 if DOCUMENT.exists() and DOCUMENT.read_text("utf-8") == text else 1
    DOCUMENT.write_text(text, "utf-8")
    return 0


def document() -> str:
    """The whole text."""
    parts = [HEAD.rstrip()]
    marked = sorted(marks())
    for key, title in SECTIONS.items():
        parts += ["", f"## {title}", ""]
        parts += [item(f"{text} (`{test}`)") for section, text, test in marked if section == key]
    unknown = {section for section, _, _ in marked} - set(SECTIONS)
    if unknown:
        raise SystemExit(f"no such section: {', '.join(unknown)}")
    here = SIGNATURES.relative_to(ROOT)
    parts += ["", "## Signatures", "", f"As `inspect` tells them. (`{here}`)", ""]
    parts += grouped(
        (name, f"{span(pythons)}: {reason}")
        for name, (pythons, reason) in table("SIGNATURES").items()
    )
    parts += ["", "## Names that are not here", "", f"`{here}` has them, too.", ""]
    parts += grouped((name, f": {reason}") for name, reason in table("LEFT_OUT").items())
    parts += ["", "## The interpreter's own tests that fail", ""]
    parts += [f"`{EXPECTED.relative_to(ROOT)}` has them.", "", *map(item, conformance())]
    return "\n".join([*parts, ""])


def item(text: str) -> str:
    """One of a list, in lines of the usual length."""
    return textwrap.fill(
        text,
        100,
        initial_indent="- ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def marks() -> Iterator[tuple[str, str, str]]:
    """Each marked test: the section, the text, and where it is."""
    for path in sorted(TESTS.glob("test_*.py")):
        for test in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(test, ast.FunctionDef):
                continue
            for mark in test.decorator_list:
                if isinstance(mark, ast.Call) and getattr(mark.func, "attr", "") == "difference":
                    section, text = map(ast.literal_eval, mark.args)
                    yield section, text, f"{path.name}::{test.name}"


def table(name: str) -> dict[str, Any]:
    """A dict of tests/test_signatures.py, which may name texts that stand above it."""
    known: dict[str, Any] = {}
    for node in ast.parse(SIGNATURES.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            known[node.targets[0].id] = value(node.value, known)
    found: dict[str, Any] = known[name]
    return found


def value(node: ast.expr, known: dict[str, Any]) -> Any:
    """What an expression of texts, tuples and dicts stands for; None: another one."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Tuple):
        return tuple(value(part, known) for part in node.elts)
    if isinstance(node, ast.Dict):
        keys = (value(key, known) for key in node.keys if key)
        return dict(zip(keys, (value(part, known) for part in node.values)))
    return node.value if isinstance(node, ast.Constant) else None


def grouped(reasons: Iterator[tuple[str, str]]) -> Iterator[str]:
    """A line for each reason, with the names that share it."""
    groups: dict[str, list[str]] = {}
    for name, reason in reasons:
        groups.setdefault(reason, []).append(f"`{name}`")
    for reason, names in groups.items():
        yield item(f"{', '.join(names)}{reason}")


def span(pythons: str) -> str:
    """The versions in words."""
    first, *_, last = pythons.split()
    return f", on Python {first} to {last}"


def conformance() -> Iterator[str]:
    """Each excuse of the interpreter's own tests."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    parser.read(EXPECTED, encoding="utf-8")
    for section in parser.sections():
        module, _, pythons = section.partition(" on ")
        module, by_chance, _ = module.partition(" by chance")
        for pattern, reason in parser[section].items():
            where = f"Python {pythons.replace(' ', ', ')}{', by chance' * bool(by_chance)}"
            yield f"`{module}.{pattern}`, on {where}: {reason}"


if __name__ == "__main__":
    sys.exit(main())
