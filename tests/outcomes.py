"""Same input, same answer, same exception: what a call came to, in a form that can be compared."""

from __future__ import annotations

import re
import ssl
import warnings
from types import ModuleType
from typing import Any, Callable, NamedTuple

from expected import ANSWERS_AS, NEWER_SSL, SAME_LIBRARY, lowest_and_highest

import pytls

MODULES = {"ssl", "_ssl", "pytls"}


class Value(NamedTuple):
    """A call that returned; objects of the modules themselves are compared by class alone."""

    kind: str
    value: Any


class Raised(NamedTuple):
    """A call that raised, and all that a program can ask an SSLError for."""

    error: type[BaseException]
    errno: int | None
    library: str | None
    reason: str | None
    verify_code: int | None
    verify_message: str | None
    text: str | None


def outcome(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Value | Raised:
    """What `call` came to. Deprecation is not compared: it depends on the Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            value = call(*args, **kwargs)
    except Exception as error:
        return raised(error)
    own = type(value).__module__.partition(".")[0] in MODULES and not isinstance(value, int)
    return Value(type(value).__name__, None if own else value)


def raised(error: BaseException) -> Raised:
    """An exception as data; its text only where it is OpenSSL's, without the place in C."""
    return Raised(
        type(error),
        getattr(error, "errno", None),
        getattr(error, "library", None),
        getattr(error, "reason", None),
        getattr(error, "verify_code", None),
        getattr(error, "verify_message", None),
        re.sub(r" \(_ssl\.c:\d+\)", "", str(error)) if isinstance(error, ssl.SSLError) else None,
    )


def same(call: Callable[[ModuleType], Any], since: tuple[int, int] = (3, 8)) -> Value | Raised:
    """Assert that `call(pytls)` comes to what `call(ssl)` comes to; the outcome.

    :param since: the Python whose `ssl` began to answer so. On an older one pytls is only asked.
    """
    found = outcome(call, pytls)
    if since <= ANSWERS_AS:
        wanted = outcome(call, ssl)
        if not SAME_LIBRARY:
            found, wanted = comparable(found, wanted)
        assert found == wanted
    return found


def comparable(found: Value | Raised, wanted: Value | Raised) -> tuple[Any, Any]:
    """Without what another OpenSSL may word or number otherwise, or lack."""
    if isinstance(found, Value):
        bounds = lowest_and_highest(pytls), lowest_and_highest(ssl)
        if any(pair == (found.value, wanted[1]) for pair in zip(*bounds)):
            return found, found
        return found, wanted
    if NEWER_SSL and found.error is NotImplementedError:
        return found, found
    if isinstance(wanted, Value):
        return found, wanted
    # An error may have no reason before 3.0, and so no library
    without = dict.fromkeys(("errno", "reason", "verify_message", "text"))
    if found.library is None or wanted.library is None:
        without["library"] = None
    return found._replace(**without), wanted._replace(**without)
