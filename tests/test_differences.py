"""docs/differences.md says what the tests know; and those differences that no other test holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from expected import needs
from peers import Contexts, Ends, client_context, connected, server_context
from pki import Pki

import pytls

TOOL = Path(__file__).resolve().parent.parent / "tools/differences.py"


def test_the_document_is_what_the_tests_know() -> None:
    """Written once more, it is the same."""
    done = subprocess.run([sys.executable, TOOL, "--check"], check=False, timeout=60)
    assert done.returncode == 0, "run tools/differences.py, and see what has changed"


@needs("VERSION_BOUNDS")
@pytest.mark.difference(
    "contexts",
    "**Default ciphers and lowest version** are those that CPython comes with since 3.10. A "
    "distributor may have built its Python with others, as Debian does.",
)
def test_a_context_starts_as_cpython_comes() -> None:
    """Whatever the running `ssl` was built with."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    ciphers = context.get_ciphers()
    context.set_ciphers(pytls._DEFAULT_CIPHERS)  # which test_constants.py holds

    assert context.get_ciphers() == ciphers
    assert context.minimum_version == pytls.TLSVersion.TLSv1_2


@pytest.mark.difference(
    "connections",
    "**A non-blocking `send`** takes what there is room for and tells how much. `ssl` "
    "takes all or raises SSLWantWriteError, with a part of it gone.",
)
def test_a_non_blocking_send_tells_how_much(ends: Ends) -> None:
    """Of what no socket has room for at once."""
    ends.subject.setblocking(False)
    assert 0 < ends.subject.send(bytes(16 << 20)) < 16 << 20


@pytest.mark.difference(
    "connections",
    "**The descriptor never blocks** while TLS is on it, whatever `gettimeout()` says; "
    "`unwrap` and `detach` give it back as the timeout wants it.",
)
def test_the_descriptor_never_blocks(ends: Ends) -> None:
    """Until TLS is taken off it."""
    ends.subject.settimeout(None)
    assert not os.get_blocking(ends.subject.fileno())

    descriptor = ends.subject.detach()
    assert os.get_blocking(descriptor)
    os.close(descriptor)


@pytest.mark.difference(
    "connections",
    "**`getpeercert`** looks at how this connection verifies its peer; `ssl` looks at the "
    "context, which may have been changed since.",
)
def test_a_peer_is_told_as_it_was_verified(pki: Pki) -> None:
    """Though the context was told meanwhile to verify nobody."""
    contexts = Contexts(client_context(pytls, pki), server_context(pytls, pki))
    with connected(contexts) as pair:
        contexts.client.check_hostname = False
        contexts.client.verify_mode = pytls.CERT_NONE
        assert pair.client.getpeercert()["subjectAltName"]


@pytest.mark.difference(
    "connections",
    "**`recv(n)`** takes no `n` of 2 GiB or more: OverflowError, where `ssl` asks for so "
    "much memory.",
)
def test_a_size_is_a_c_int(ends: Ends) -> None:
    with pytest.raises(OverflowError):
        ends.subject.recv(1 << 31)


@pytest.mark.difference(
    "errors",
    "**Exception texts** do not end with the place in C, `(_ssl.c:1006)`; class, `errno`, "
    "`library` and `reason` are equal.",
)
def test_a_text_does_not_end_with_a_place_in_c() -> None:
    """There is no C."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    with pytest.raises(pytls.SSLError, match=r"cadata does not contain a certificate$"):
        context.load_verify_locations(cadata=b"no certificate")
