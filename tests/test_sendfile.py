"""SSLSocket.sendfile() where the kernel does TLS.

It seldom can where tests run: the module `tls` is not there, and setsockopt(TCP_ULP) refuses it. So
a stand-in takes the place of the engine; only the last test asks the kernel itself. `tox -e ktls`
runs them on a kernel that can.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from peers import Background, Contexts, Pair, Sides, connected, receive_exactly

import pytls
from pytls import _features as features
from pytls import _libssl as libssl
from pytls._sendfile import sendfile

RECORD = 16384
KTLS = "KTLS" in os.environ
"""Whether the kernel and OpenSSL are known to have it, as they are under tools/ktls.py."""


class Kernel:
    """The engine of a connection, which sends a piece of a file as SSL_sendfile(3) does."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.calls: list[tuple[int, int]] = []

    def uses_ktls_for_send(self) -> bool:
        return True

    def sendfile(self, fd: int, offset: int, size: int) -> int:
        self.calls.append((offset, size))
        piece = os.pread(fd, min(size, RECORD), offset)
        return int(self.connection.write(piece, len(piece))) if piece else 0


@pytest.fixture
def sides() -> Sides:
    """Both pytls: what is tested is below what the peer sees."""
    return Sides(pytls, pytls)


@pytest.mark.skipif(not features.HAS_SENDFILE, reason="this OpenSSL has no SSL_sendfile")
@pytest.mark.parametrize(("offset", "count"), [(0, None), (7, None), (7, 40_000), (90_000, 99_999)])
def test_the_kernel_sends_a_file_piece_by_piece(
    pair: Pair, tmp_path: Path, offset: int, count: int | None
) -> None:
    """Each piece begins where the last ended, and the file is left after them."""
    content = os.urandom(100_000)
    (tmp_path / "body").write_bytes(content)
    wanted = content[offset:] if count is None else content[offset : offset + count]
    receiving = Background(receive_exactly, pair.server, len(wanted))
    kernel = Kernel(pair.client._sslobj)
    pair.client._sslobj, engine = kernel, pair.client._sslobj

    with (tmp_path / "body").open("rb") as file:
        try:
            assert sendfile(pair.client, kernel, file, offset, count) == len(wanted)
        finally:
            pair.client._sslobj = engine
        assert file.tell() == offset + len(wanted)

    assert receiving.result() == wanted
    assert [at for at, _ in kernel.calls] == list(range(offset, offset + len(wanted), RECORD))


def test_what_is_no_file_of_the_system_is_sent_otherwise(pair: Pair) -> None:
    """The kernel cannot read it: the caller is told to send it itself."""
    kernel = Kernel(pair.client._sslobj)

    assert sendfile(pair.client, kernel, io.BytesIO(b"x" * 100), 0, None) is None
    assert kernel.calls == []


def test_a_socket_that_does_not_wait_sends_no_files(pair: Pair, tmp_path: Path) -> None:
    """Neither by the kernel nor otherwise."""
    kernel = Kernel(pair.client._sslobj)
    pair.client.setblocking(False)
    (tmp_path / "body").write_bytes(b"x" * 100)

    with (tmp_path / "body").open("rb") as file:
        assert sendfile(pair.client, kernel, file, 0, None) is None
        with pytest.raises(ValueError, match="non-blocking"):
            pair.client.sendfile(file)
    assert kernel.calls == []


def test_without_the_kernel_nothing_is_claimed(pair: Pair, tmp_path: Path) -> None:
    """OP_ENABLE_KTLS was not set: the engine says so, and the method sends the file by itself."""
    engine = pair.client._sslobj
    (tmp_path / "body").write_bytes(b"plain")

    assert not engine.uses_ktls_for_send()
    assert not engine.uses_ktls_for_recv()
    with (tmp_path / "body").open("rb") as file:
        wrong: type[Exception] = pytls.SSLError if libssl.SSL_sendfile else NotImplementedError
        with pytest.raises(wrong):
            engine.sendfile(file.fileno(), 0, 5)


def test_a_connection_that_asks_for_the_kernel_sends_files_all_the_same(
    contexts: Contexts, tmp_path: Path, tls_version: str
) -> None:
    """With OP_ENABLE_KTLS: by the kernel where it does TLS, and in order with what is sent else."""
    for context in contexts:
        context.options |= pytls.OP_ENABLE_KTLS if features.HAS_SENDFILE else 0
    content = os.urandom(5_000_000)  # more than fits into the buffers on the way
    (tmp_path / "body").write_bytes(content)

    with connected(contexts) as pair:
        if KTLS:
            assert pair.client._sslobj.uses_ktls_for_send()
        receiving = Background(receive_exactly, pair.server, len(content) + 10)
        pair.client.sendall(b"begin")
        with (tmp_path / "body").open("rb") as file:
            assert pair.client.sendfile(file) == len(content)
        pair.client.sendall(b"end..")
        assert receiving.result() == b"begin" + content + b"end.."
