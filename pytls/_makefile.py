"""What `makefile` gives, with all that is left read by records."""

from __future__ import annotations

import errno
import socket as _socket

from ._arguments import RECORD
from ._types import Any


class Stream(_socket.SocketIO):
    """A raw stream whose `readall` asks for records, not for the 8 KiB of `io`."""

    # As `SocketIO` keeps them
    _sock: Any
    _timeout_occurred: bool

    def readall(self) -> Any:
        """All bytes until the end; None when there are none yet and the socket does not block.

        Source: `io.RawIOBase.readall`.
        """
        self._checkClosed()
        self._checkReadable()  # type: ignore[attr-defined]  # the same
        if self._timeout_occurred:
            raise OSError("cannot read from timed out object")
        pieces: list[bytes] = []
        try:
            while True:
                piece = self._sock.recv(RECORD)
                if not piece:
                    return b"".join(pieces)
                pieces.append(piece)
        except _socket.timeout:
            self._timeout_occurred = True
            raise
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK):
                raise
            return b"".join(pieces) or None


def hasten(file: Any) -> None:
    """Let a file object of `socket.socket.makefile` read to the end by records."""
    file = getattr(file, "buffer", file)  # of a text file
    raw = getattr(file, "raw", file)  # of a buffered one
    if type(raw) is _socket.SocketIO:
        raw.__class__ = Stream
