"""How a C function is declared: one row of a table, turned into a bound function at import.

A row reads ``name = gil(result, *arguments)`` or ``name = nogil(result, *arguments)``:

- `gil` keeps the interpreter's lock during the call: cheap, and right for a function that takes
  no lock of another thread, calls nothing back and does no I/O.
- `nogil` releases it: for everything that may take long or call back.

What a row may add:

- ``since``, ``until``: the releases that have it, ``(major, minor, patch)``; `until` is the
  first one without it.
- ``was``: the symbol's older name, taken where the new one is missing.
- ``optional``: a build may leave it out.
- ``errno``: C's errno after the call is read with `ctypes.get_errno`.
- ``alone``: it touches nothing that threads share, so even 1.0.2 needs no lock for it.
- ``hot``: no ``argtypes``, half of a call's price. Only the engine and `MemoryBIO` call these,
  with `c_void_p` handles, buffers and range-checked ints.

A function that the library lacks is bound all the same: it is false, and calling it raises
NotImplementedError with the release that it takes.
"""

from __future__ import annotations

import ctypes

from ._loader import PAIR
from ._types import Any, Callable, Protocol, Tuple

Release = Tuple[int, int, int]


def release(number: int) -> Release:
    """`OpenSSL_version_num()` as ``(major, minor, patch)``; letters of 1.x are left out."""
    if number >= 0x30000000:
        return number >> 28, number >> 20 & 0xFF, number >> 4 & 0xFF
    return number >> 28, number >> 20 & 0xFF, number >> 12 & 0xFF


FOUND = release(PAIR.version)


# 1.0.2 has no locks of its own. No call waits for a peer, so the interpreter's can be its lock
_ONE_AT_A_TIME = FOUND < (1, 1, 0)

_IN_TURN = False

if _ONE_AT_A_TIME:
    from ._python import ONE_AT_A_TIME

    # The interpreter's is not there, or is not kept within a call
    _IN_TURN = not (ONE_AT_A_TIME and hasattr(ctypes, "PyDLL"))


def dotted(version: Release) -> str:
    """`version` as people write it."""
    return ".".join(map(str, version))


class CFunction(Protocol):
    """What a row becomes: it can be called, and is false where the library lacks it."""

    def __call__(self, *arguments: Any) -> Any: ...  # the C function's own page

    def __bool__(self) -> bool: ...


# PyPy has none: there every call releases the lock, which is right, if slower
_PyDLL: Any = getattr(ctypes, "PyDLL", ctypes.CDLL)


class _Row:
    """One declaration, before it is bound."""

    __slots__ = (
        "alone",
        "arguments",
        "errno",
        "hot",
        "keeps_gil",
        "optional",
        "result",
        "since",
        "until",
        "was",
    )

    def __init__(
        self,
        keeps_gil: bool,
        result: Any,
        arguments: tuple[Any, ...],
        since: Release = (1, 0, 2),
        until: Release | None = None,
        was: str = "",
        optional: bool = False,
        errno: bool = False,
        hot: bool = False,
        alone: bool = False,
    ) -> None:
        self.keeps_gil = keeps_gil
        self.result = result
        self.arguments = arguments
        self.since = since
        self.until = until
        self.was = was
        self.optional = optional
        self.errno = errno
        self.hot = hot
        self.alone = alone

    def in_range(self, release: Release = FOUND) -> bool:
        return self.since <= release and (self.until is None or self.until > release)


def gil(result: Any, *arguments: Any, **extra: Any) -> CFunction:
    """Declare a function that is called with the interpreter's lock kept."""
    return _Row(True, result, arguments, **extra)  # type: ignore[return-value]  # bind() replaces it


def nogil(result: Any, *arguments: Any, **extra: Any) -> CFunction:
    """Declare a function that is called with the interpreter's lock released."""
    return _Row(False, result, arguments, **extra)  # type: ignore[return-value]  # bind() replaces it


class Missing:
    """A function that the loaded OpenSSL does not have: false, and refused when called."""

    __slots__ = ("_name", "_row")

    def __init__(self, name: str, row: _Row) -> None:
        self._name = name
        self._row = row

    def __bool__(self) -> bool:
        return False

    def __call__(self, *_: object) -> Any:
        row = self._row
        if row.since > FOUND:
            needs = f"takes OpenSSL {dotted(row.since)} or newer"
        elif row.until is not None and row.until <= FOUND:
            needs = f"is gone since OpenSSL {dotted(row.until)}"
        else:
            needs = "was left out of this build"
        raise NotImplementedError(f"{self._name} {needs}; found {PAIR.text}")


def bind(table: dict[str, Any], handle: int) -> None:
    """Replace every row of `table` by the function of the library opened as `handle`.

    :raises ImportError: functions are missing that this release should have; all are named.
    """
    doors = {
        # (keeps_gil, errno): how ctypes is to call
        (True, False): _PyDLL(None, handle=handle),
        (False, False): ctypes.CDLL(None, handle=handle),
        (True, True): _PyDLL(None, handle=handle, use_errno=True),
        (False, True): ctypes.CDLL(None, handle=handle, use_errno=True),
    }
    missing = []
    for name, row in table.items():
        if row.__class__ is not _Row:
            continue
        function: Any = None
        if row.in_range():
            keeps_gil = row.keeps_gil or (_ONE_AT_A_TIME and not row.alone)
            door = doors[keeps_gil, row.errno]
            for symbol in (name, row.was) if row.was else (name,):
                try:
                    function = door[symbol]
                    break
                except AttributeError:
                    pass
            else:
                if not row.optional:
                    missing.append(name)
        if function is None:
            table[name] = Missing(name, row)
            continue
        function.restype = row.result
        if not row.hot:
            function.argtypes = row.arguments
        table[name] = function if row.alone else _in_turn(function)
    if missing:
        raise ImportError(
            f"{PAIR.text} ({PAIR.libcrypto}, {PAIR.libssl}) lacks {', '.join(missing)}: "
            "this is no complete OpenSSL"
        )


def keeping_gil(function: CFunction) -> CFunction:
    """The same function of a `nogil` row that is ``hot``, called with the interpreter's lock kept.

    For few bytes: it is done sooner than the lock would be back, beside a busy thread up to 5 ms
    (benchmark ping-busy).
    """
    if _IN_TURN:
        return function
    door = _PyDLL(None, handle=PAIR.ssl_handle, use_errno=True)
    again = door._FuncPtr(ctypes.cast(function, ctypes.c_void_p).value)  # type: ignore[arg-type]  # it is one of ctypes
    again.restype = function.restype  # type: ignore[attr-defined]  # the same
    return again  # type: ignore[no-any-return]  # the same


def _in_turn(function: Any) -> Any:
    """A C function, as 1.0.2 may be called on this Python."""
    if not _IN_TURN:
        return function
    from ._turns import InTurn

    return InTurn(function)


def aside(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, as this Python may be called back by the OpenSSL found."""
    if not _IN_TURN:
        return function
    from ._turns import aside

    return aside(function)
