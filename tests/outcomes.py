"""Same input, same answer, same exception: what a call came to, in a form that can be compared."""

from __future__ import annotations

import re
import ssl
import sys
import warnings
from types import ModuleType
from typing import Any, Callable, NamedTuple

import pytls

MODULES = {"ssl", "_ssl", "pytls"}
SAME_LIBRARY = ssl.OPENSSL_VERSION_NUMBER == pytls.OPENSSL_VERSION_NUMBER


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
    if sys.version_info >= since:
        assert comparable(found) == comparable(outcome(call, ssl))
    return found


def comparable(what: Value | Raised) -> Value | Raised:
    """Without what another OpenSSL may word or number otherwise, where there are two."""
    if SAME_LIBRARY or isinstance(what, Value):
        return what
    # Before 3.0 an unexpected end had no reason, and so no library
    library = None if what.error is ssl.SSLEOFError else what.library
    return what._replace(library=library, errno=None, reason=None, verify_message=None, text=None)
