"""`SSLObject` through memory BIOs of the interpreter's own `ssl`: their bytes are carried over.

asyncio, trio and anyio speak through whatever context they are given, but make the two BIOs
themselves, of the `ssl` that they have imported.
"""

from __future__ import annotations

from ._arguments import RECORD
from ._queue import want
from ._types import Any
from .bio import MemoryBIO
from .connection import WANT_READ, Connection

try:
    from _ssl import MemoryBIO as _Foreign
except ImportError:
    FOREIGN: tuple[type[Any], ...] = ()
else:
    FOREIGN = (_Foreign,)


class Ferry:
    """Between a program's two BIOs and the two that OpenSSL is given instead.

    What comes in is fetched record by record, when it is wanted: a program may hold its peer back
    by what is still `pending`.
    """

    def __init__(self, incoming: Any, outgoing: Any) -> None:
        self._from, self._to = incoming, outgoing
        self.incoming, self.outgoing = MemoryBIO(), MemoryBIO()

    def drive(self, connection: Connection, operation: Any, *arguments: Any) -> Any:
        """The operation's result; a Want becomes its exception. All it wrote is delivered."""
        with connection._lock:  # or two threads would deliver in the wrong order
            try:
                result = operation(*arguments)
                while result.__class__ is int and result == WANT_READ and self._fetch():
                    result = operation(*arguments)
            finally:
                data = self.outgoing.read()
                if data:
                    self._to.write(data)
        if result.__class__ is int and result < 0:
            raise want(-result)
        return result

    def _fetch(self) -> bool:
        """Whether there was anything to fetch: bytes, or that no more will come."""
        data = self._from.read(RECORD)
        if data:
            self.incoming.write(data)
        elif self._from.eof and not self.incoming.eof:
            self.incoming.write_eof()
        else:
            return False
        return True
