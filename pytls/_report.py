"""How the command tells what it found: to people as a table, to machines as JSON."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any, Dict, Iterable, NamedTuple, Sequence, Tuple, Union

Facts = Dict[str, Any]
#: A label and what belongs to it: each string begins a line.
Row = Tuple[str, Union[str, Sequence[str]]]

WIDTH = 80

#: Sets the rows below it apart.
GAP: Row = ("", "")


class Answer(NamedTuple):
    """What a subcommand found out."""

    reason: str | None  # what is wrong; None: all is well, and so is the exit code
    facts: Facts  # for machines
    text: str  # the same, for people; empty: the reason is all there is to say


def as_json(reason: str | None, facts: Facts) -> str:
    """What a machine reads: whether all is well, why not, and all that was found."""
    return json.dumps({"ok": reason is None, "reason": reason, **facts}, indent=2) + "\n"


def table(rows: Iterable[Row], indent: int = 0) -> str:
    """Labels at the left, their lines aligned and wrapped to `WIDTH` at the right."""
    rows = [(label, [text] if isinstance(text, str) else text) for label, text in rows]
    column = indent + max(len(label) for label, _ in rows) + 2
    lines = []
    for label, texts in rows:
        head = " " * indent + label
        for text in texts:
            lines.append((head.ljust(column) + wrapped(text, column).lstrip()).rstrip())
            head = ""
    return "\n".join(lines) + "\n"


def wrapped(text: str, indent: int = 0) -> str:
    """`text` made `printable`, in lines that begin with `indent` spaces."""
    margin = " " * indent
    return textwrap.fill(
        printable(text),
        WIDTH,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,  # paths and names are copied whole
        break_on_hyphens=False,
    )


def printable(text: str) -> str:
    """`text` with what a terminal might obey, or show as something else, spelled out.

    Names in a certificate are whatever the peer has written there.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def words(error: BaseException) -> str:
    """The words of an exception, without its number; an SSLError may have nothing but these."""
    return str(error.args[-1] if error.args else error)


def counted(number: int, what: str) -> str:
    """``1 root``, ``2 roots``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def write(text: str, error: bool = False) -> None:
    """Print to stdout, or to stderr: what cannot be encoded there is spelled out."""
    stream = sys.stderr if error else sys.stdout
    if stream is None:  # closed before the interpreter started
        return
    encoding = getattr(stream, "encoding", None) or "ascii"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
