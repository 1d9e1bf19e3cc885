"""Sending a file without reading it, where the kernel does TLS (kTLS)."""

from __future__ import annotations

import os

from ._features import HAS_SENDFILE
from ._types import Any


def sendfile(sock: Any, connection: Any, file: Any, offset: int, count: int | None) -> int | None:
    """Let the kernel encrypt and send `count` bytes of `file` from `offset` on.

    :param sock: the `SSLSocket`, whose timeout holds for each piece that the kernel takes.
    :returns: how many bytes were sent; None when the caller has to read and send them: the
        connection has no kTLS, the socket does not wait, or `file` has no descriptor.

    SSL_sendfile(3)
    """
    if not HAS_SENDFILE or not connection.uses_ktls_for_send():
        return None
    if sock.gettimeout() == 0:
        return None  # the other way refuses it
    sock._check_sendfile_params(file, offset, count)
    try:
        descriptor = file.fileno()
        size = os.fstat(descriptor).st_size
    except (AttributeError, OSError):
        return None
    end = size if count is None else min(size, offset + count)
    sent = 0
    try:
        with sock._writing:
            while offset + sent < end:
                went = sock._drive(
                    connection,
                    connection.sendfile,
                    descriptor,
                    offset + sent,
                    end - offset - sent,
                    verb="write",
                )
                if not went:  # the file was cut meanwhile
                    break
                sent += went
    finally:
        if sent and hasattr(file, "seek"):
            file.seek(offset + sent)
    return sent
