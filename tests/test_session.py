"""SSLSession: what a client keeps to resume a session."""

from __future__ import annotations

import time
from typing import Any

import pytest
from peers import Contexts, client_context, close_both_ways, connected, server_context
from pki import Pki

import pytls


@pytest.fixture
def contexts_of_pytls(pki: Pki, tls_version: str) -> Contexts:
    """Both ends pytls."""
    return Contexts(
        client_context(pytls, pki, tls_version), server_context(pytls, pki, tls_version)
    )


def a_session(contexts: Contexts) -> Any:
    """The client's, after a whole connection."""
    with connected(contexts) as pair:
        pair.server.sendall(b"!")
        pair.client.recv(1)
        session = pair.client.session
        close_both_ways(pair)
    return session


def test_it_tells_about_itself(contexts_of_pytls: Contexts) -> None:
    """Id, time, timeout, ticket."""
    session = a_session(contexts_of_pytls)

    assert isinstance(session, pytls.SSLSession)
    assert 0 < len(session.id) <= 32
    assert abs(session.time - time.time()) < 60
    assert session.timeout > 0
    assert session.has_ticket is True
    assert session.ticket_lifetime_hint > 0


def test_it_equals_itself_alone(contexts_of_pytls: Contexts) -> None:
    """By its id, which is also its hash."""
    one, other = a_session(contexts_of_pytls), a_session(contexts_of_pytls)

    assert one == one  # noqa: PLR0124 its own __eq__
    assert one != other
    assert one != "a session"
    assert len({one, other, one}) == 2


def test_the_session_of_a_connection_is_always_the_same(contexts_of_pytls: Contexts) -> None:
    """Each time it is asked for, an equal one."""
    with connected(contexts_of_pytls) as pair:
        assert pair.client.session == pair.client.session
        assert hash(pair.client.session) == hash(pair.client.session)


def test_its_attributes_are_read_only(contexts_of_pytls: Contexts) -> None:
    """As in ssl."""
    session = a_session(contexts_of_pytls)
    for name in "id", "time", "timeout", "ticket_lifetime_hint", "has_ticket":
        with pytest.raises(AttributeError):
            setattr(session, name, 1)


def test_it_outlives_its_connection_and_its_context(pki: Pki, tls_version: str) -> None:
    """Nothing dangles."""
    session = a_session(
        Contexts(client_context(pytls, pki, tls_version), server_context(pytls, pki, tls_version))
    )

    assert session.id
    assert session.has_ticket


def test_it_is_of_no_use_in_another_context(contexts_of_pytls: Contexts, pki: Pki) -> None:
    """Resuming it there is a ValueError."""
    session = a_session(contexts_of_pytls)
    other = Contexts(client_context(pytls, pki), server_context(pytls, pki))

    with pytest.raises(ValueError, match="different SSLContext"), connected(other, session=session):
        pass


def test_a_server_has_its_sessions_too(contexts_of_pytls: Contexts) -> None:
    """The server's session can be asked for, and not set."""
    with connected(contexts_of_pytls) as pair:
        assert isinstance(pair.server.session, pytls.SSLSession)
        with pytest.raises(ValueError, match="server-side"):
            pair.server.session = pair.server.session


@pytest.mark.difference(
    "connections",
    "**`session` is set** before the handshake has begun, not in its midst, which may end the "
    "process of `ssl`.",
)
def test_a_session_comes_before_the_handshake(
    contexts_of_pytls: Contexts, tls_version: str
) -> None:
    """In its midst OpenSSL would go on with what it frees here: between two calls, and in one."""
    session = a_session(contexts_of_pytls)
    refused: list[Any] = []

    def change(end: Any, *_: Any) -> None:
        with pytest.raises(ValueError, match="Cannot set session"):
            end.session = session
        refused.append(end)

    contexts_of_pytls.client._msg_callback = change
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    client = contexts_of_pytls.client.wrap_bio(back, there, server_hostname="localhost")
    server = contexts_of_pytls.server.wrap_bio(there, back, server_side=True)
    for end in client, server:
        with pytest.raises(pytls.SSLWantReadError):
            end.do_handshake()
    flight = pytls.MemoryBIO()
    flight.write(back.read())
    while flight.pending:
        change(client)
        back.write(flight.read(100))
        if flight.pending:
            with pytest.raises(pytls.SSLWantReadError):
                client.do_handshake()

    assert len(refused) > 10


def test_a_session_is_resumed_without_a_ticket_too(
    contexts_of_pytls: Contexts, tls_version: str
) -> None:
    """OP_NO_TICKET on a server: its context's cache resumes by id all the same."""
    contexts_of_pytls.server.options |= pytls.OP_NO_TICKET
    session = a_session(contexts_of_pytls)

    assert session.has_ticket == (tls_version == "TLSv1.3")
    with connected(contexts_of_pytls, session=session) as pair:
        assert pair.client.session_reused
