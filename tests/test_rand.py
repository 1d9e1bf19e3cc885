"""The RAND functions: OpenSSL's random numbers."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from peers import Background

import pytls
from pytls import _features as features


def test_the_generator_is_seeded() -> None:
    """RAND_status() is True on any system of today."""
    assert pytls.RAND_status() is True


@pytest.mark.parametrize("count", [0, 1, 16, 100_000])
def test_random_bytes_are_as_many_as_asked_for(count: int) -> None:
    """RAND_bytes(n) gives n bytes."""
    data = pytls.RAND_bytes(count)

    assert type(data) is bytes
    assert len(data) == count


def test_random_bytes_do_not_repeat() -> None:
    """Sixteen bytes come twice with a chance of one in 2 to the 128."""
    assert len({pytls.RAND_bytes(16) for _ in range(1000)}) == 1000


def test_all_values_of_a_byte_occur() -> None:
    """Among a hundred thousand, none is missing (the chance is below 1e-160)."""
    assert set(pytls.RAND_bytes(100_000)) == set(range(256))


@pytest.mark.parametrize(
    "seed",
    [b"bytes", bytearray(b"bytearray"), memoryview(b"memoryview"), "text, é", b""],
    ids=["bytes", "bytearray", "memoryview", "str", "empty"],
)
def test_seeds_are_mixed_in(seed: bytes) -> None:
    """RAND_add() takes any buffer or text, and returns nothing."""
    assert pytls.RAND_add(seed, 0.0) is None
    assert pytls.RAND_add(seed, 75) is None
    assert pytls.RAND_status() is True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_weak_kind_is_strong_today() -> None:
    """RAND_pseudo_bytes() gives bytes and True."""
    data, strong = pytls.RAND_pseudo_bytes(16)

    assert len(data) == 16
    assert strong is True


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of other tests' threads
def test_a_child_has_other_numbers() -> None:
    """After fork() parent and child do not share their randomness."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writer, pytls.RAND_bytes(16))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        theirs = file.read()
    os.waitpid(pid, 0)

    assert len(theirs) == 16
    assert theirs != pytls.RAND_bytes(16)


def test_threads_share_the_generator() -> None:
    """Many at once, all different."""
    collecting = [Background(lambda: [pytls.RAND_bytes(16) for _ in range(200)]) for _ in range(4)]

    assert len({data for thread in collecting for data in thread.result()}) == 800


def test_an_entropy_daemon_is_asked_where_the_library_can(tmp_path: Path) -> None:
    """RAND_egd(): OpenSSL 1.0 reads from it; newer ones have it no more, and that is said."""
    path = str(tmp_path / "egd")
    if not features.HAS_EGD:
        with pytest.raises(NotImplementedError, match="RAND_egd"):
            pytls.RAND_egd(path)
        return
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        serving = Background(be_a_daemon, listener)
        assert pytls.RAND_egd(path) == 255
        serving.result()
    with pytest.raises(pytls.SSLError):
        pytls.RAND_egd(str(tmp_path / "absent"))


def be_a_daemon(listener: socket.socket) -> None:
    """EGD's protocol: the command 1 asks for so many bytes, which a count precedes."""
    connection, _ = listener.accept()
    with connection:
        while connection.recv(1) == b"\1":
            count = connection.recv(1)[0]
            connection.sendall(bytes([count]) + os.urandom(count))
