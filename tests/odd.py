"""Every public name of a module, fed with values that it does not expect: a program.

``odd.py ssl|pytls SUBJECT CA CREDENTIALS`` prints, a line a call, the call and the class of what it
came to. It is started by test_types.py, in a folder of its own: a crash is then seen for one.
"""

from __future__ import annotations

import array
import faulthandler
import importlib
import mmap
import os
import signal
import socket
import sys
import warnings
from typing import Any, Callable, Iterator

from peers import tcp_pair

LONGEST = 60  # seconds; then a call has hung


class Refuses:
    """Raises whatever one asks it for."""

    def _refuse(self, *_: Any) -> Any:
        raise ZeroDivisionError

    __index__ = __int__ = __float__ = __bool__ = __len__ = __iter__ = __getitem__ = _refuse
    __fspath__ = __str__ = __call__ = __enter__ = __eq__ = __hash__ = _refuse


class Number(int):
    """An int that is none, strictly."""


class Text(str):
    """The same for str."""

    __slots__ = ()


class Octets(bytes):
    """The same for bytes."""


def released() -> memoryview:
    """A view of nothing any more."""
    view = memoryview(bytearray(b"x"))
    view.release()
    return view


def closed_map() -> mmap.mmap:
    """A buffer that has been given back."""
    memory = mmap.mmap(-1, 16)
    memory.close()
    return memory


#: by name, and made anew for each call
VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "0": lambda: 0,
    "-1": lambda: -1,
    "2^31": lambda: 1 << 31,
    "-2^31-1": lambda: -(1 << 31) - 1,
    "2^63": lambda: 1 << 63,
    "2^64": lambda: 1 << 64,
    "-2^70": lambda: -(1 << 70),
    "1.5": lambda: 1.5,
    "nan": lambda: float("nan"),
    "1j": lambda: 1j,
    "Number": lambda: Number(3),
    "text-empty": lambda: "",
    "text": lambda: "x",
    "Text": lambda: Text("x"),
    "text-surrogate": lambda: "\ud800",
    "text-null": lambda: "a\0b",
    "text-long": lambda: "x" * 70000,
    "bytes-empty": lambda: b"",
    "bytes": lambda: b"x",
    "Octets": lambda: Octets(b"x"),
    "bytes-null": lambda: b"a\0b",
    "bytearray": lambda: bytearray(b"xyz"),
    "bytearray-empty": bytearray,
    "view": lambda: memoryview(bytearray(b"xyz")),
    "view-readonly": lambda: memoryview(b"xyz"),
    "view-empty": lambda: memoryview(bytearray()),
    "view-strided": lambda: memoryview(bytearray(b"abcdefgh"))[::2],
    "view-reversed": lambda: memoryview(bytearray(b"abcdefgh"))[::-1],
    "view-2d": lambda: memoryview(bytearray(12)).cast("B", (3, 4)),
    "view-0d": lambda: memoryview(bytearray(4)).cast("i", ()),
    "view-char": lambda: memoryview(bytearray(b"xyz")).cast("c"),
    "view-bool": lambda: memoryview(bytearray(b"\x02\x03")).cast("?"),
    "view-pointer": lambda: memoryview(bytearray(16)).cast("P"),
    "view-released": released,
    "map-closed": closed_map,
    **{
        f"array-{code}": lambda code=code: array.array(code, [1, 2, 3])  # type: ignore[misc]
        for code in "bBhHiIlLqQfd"
    },
    "array-of-text": lambda: array.array("u", "xyz"),
    "object": object,
    "type": lambda: int,
    "list": list,
    "list-of-None": lambda: [None],
    "tuple": tuple,
    "pair": lambda: ("127.0.0.1", -1),
    "dict": dict,
    "function": lambda: lambda *_: None,
    "refuses": Refuses,
    "module": lambda: sys,
}


class Made:
    """The things to call: made as often as asked for, of one module."""

    def __init__(self, m: Any, ca: str, credentials: str) -> None:
        self.m, self.ca, self.credentials = m, ca, credentials
        self.kept: list[Any] = []

    def client(self) -> Any:
        context = self.m.SSLContext(self.m.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca)
        return context

    def server(self) -> Any:
        context = self.m.SSLContext(self.m.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.credentials)
        return context

    def fresh(self) -> tuple[Any, Any]:
        """Two SSLObjects before their handshake."""
        there, back = self.m.MemoryBIO(), self.m.MemoryBIO()
        client = self.client().wrap_bio(back, there, server_hostname="localhost")
        self.kept = [there, back, self.server().wrap_bio(there, back, server_side=True)]
        return client, self.kept[-1]

    def shaken(self, *ends: Any) -> tuple[Any, ...]:
        """After it."""
        for _ in range(4):
            for end in ends:
                try:
                    end.do_handshake()
                except self.m.SSLWantReadError:
                    pass
        return ends

    def object_fresh(self) -> Any:
        return self.fresh()[0]

    def object_client(self) -> Any:
        client, server = self.shaken(*self.fresh())
        server.write(b"12345678" * 4)
        return client

    def object_unwrapped(self) -> Any:
        ends = self.shaken(*self.fresh())
        for end in ends + ends:
            try:
                end.unwrap()
            except self.m.SSLError:
                pass
        return ends[0]

    def object_half(self) -> Any:
        return self.m.SSLObject.__new__(self.m.SSLObject)

    def session(self) -> Any:
        return self.object_client().session

    def bio(self) -> Any:
        bio = self.m.MemoryBIO()
        bio.write(b"12345678")
        return bio

    def bio_at_end(self) -> Any:
        bio = self.m.MemoryBIO()
        bio.write_eof()
        return bio

    def socket(self) -> Any:
        near, far = tcp_pair()
        for end in near, far:
            end.setblocking(False)
        client = self.client().wrap_socket(
            near, server_hostname="localhost", do_handshake_on_connect=False
        )
        server = self.server().wrap_socket(far, server_side=True, do_handshake_on_connect=False)
        self.kept = [server]
        self.shaken(client, server)
        server.write(b"12345678" * 4)
        return client

    def socket_unconnected(self) -> Any:
        sock = self.client().wrap_socket(socket.socket(), server_hostname="localhost")
        sock.setblocking(False)
        return sock

    def socket_closed(self) -> Any:
        sock = self.socket()
        sock.close()
        return sock

    def socket_detached(self) -> Any:
        sock = self.socket()
        os.close(sock.detach())
        return sock

    def socket_shut_down(self) -> Any:
        sock = self.socket()
        sock.shutdown(socket.SHUT_RDWR)
        return sock

    def socket_half(self) -> Any:
        return self.m.SSLSocket.__new__(self.m.SSLSocket)

    def module(self) -> Any:
        return self.m


#: what would wait for a network, replace this process's own state, or is the same for everybody
LEFT_OUT = {"create_connection", "socket", "get_server_certificate", "family", "type", "proto"}


def names(m: Any, subject: Any) -> Iterator[str]:
    """What is public of `subject`, and of the modules themselves what they define."""
    for name in sorted(dir(subject)):
        if name.startswith("_") or name in LEFT_OUT:
            continue
        if subject is m:
            origin = getattr(getattr(m, name), "__module__", "") or ""
            if not callable(getattr(m, name)) or origin.partition(".")[0] not in (
                "ssl",
                "_ssl",
                "pytls",
            ):
                continue
        yield name


#: ends the process of `ssl`: NULL is passed on where a value would be
CRASHES_SSL = {"delete keylog_filename"}


def came_to(call: Callable[[], Any]) -> str:
    """The class of what a call raised; "fine" when it returned."""
    try:
        call()
    except Exception as error:
        kind = type(error)
        return f"{kind.__name__}"
    return "fine"


def calls(make: Callable[[], Any], m: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every call on one thing: each name of it gets a thing of its own, for all values."""
    first = make()
    settable = first is not m
    for name in names(m, first):
        thing = make()
        yield f"get {name}", lambda t=thing, n=name: getattr(t, n)  # type: ignore[misc]
        if settable:
            for word, value in VALUES.items():
                yield (
                    f"set {name} {word}",
                    lambda t=thing, n=name, v=value: setattr(t, n, v()),  # type: ignore[misc]
                )
            if m.__name__ == "pytls" or f"delete {name}" not in CRASHES_SSL:
                yield f"delete {name}", lambda t=thing, n=name: delattr(t, n)  # type: ignore[misc]
            thing = make()
        member = came_to(lambda t=thing, n=name: getattr(t, n))  # type: ignore[misc]
        if member != "fine" or not callable(getattr(thing, name)):
            continue
        for word, value in VALUES.items():
            yield (
                f"call {name} {word}",
                lambda t=thing, n=name, v=value: getattr(t, n)(v()),  # type: ignore[misc]
            )
            yield (
                f"call {name} {word} twice",
                lambda t=thing, n=name, v=value: getattr(t, n)(v(), v()),  # type: ignore[misc]
            )
            yield (
                f"call {name} 4 {word}",
                lambda t=thing, n=name, v=value: getattr(t, n)(4, v()),  # type: ignore[misc]
            )
        yield f"call {name}", lambda t=thing, n=name: getattr(t, n)()  # type: ignore[misc]


def main() -> None:
    """Make the calls, one line each, written before and after."""
    module, subject, ca, credentials = sys.argv[1:]
    m = importlib.import_module(module)
    made = Made(m, ca, credentials)
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    faulthandler.enable()
    if hasattr(signal, "alarm"):
        faulthandler.dump_traceback_later(LONGEST, exit=True)
    out = os.fdopen(os.dup(1), "w", buffering=1 << 16)
    trace = os.environ.get("ODD_TRACE")
    for word, call in calls(getattr(made, subject), m):
        if trace:
            os.write(2, f"{word}\n".encode())
        result = came_to(call)
        out.write(f"{word}\t{result}\n")
    out.write("done\t\n")
    out.close()


if __name__ == "__main__":
    main()
