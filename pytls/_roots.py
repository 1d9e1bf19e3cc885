"""Authorities parsed once: contexts that load the same file share one store of them.

Parsing the system's roots takes 17 ms and 800 KiB, and the C extension does it for each context
(benchmark default-context). A shared store is never added to: a context that wants more gets a
copy first. What has changed on disk is read anew.
"""

from __future__ import annotations

import os
from _thread import RLock
from time import time

from . import _libcrypto as C
from . import _libssl as libssl
from ._features import SHARES_STORES
from ._handle import Handle
from ._queue import from_queue, take
from ._trust import X509_LU_CRL, X509_LU_X509, objects
from ._types import Any, Callable

_SETTLED = 2.0
"""Seconds: what was changed more recently may change once more and look the same."""

_MOST = 8
"""How many stores are kept: the last ones."""


class STORE(Handle):
    """Own a `X509_STORE*`."""

    __slots__ = ()
    _free = staticmethod(C.X509_STORE_free)


class _Parsed:
    __slots__ = ("is_default", "looks", "size", "store")

    def __init__(self, store: STORE, looks: tuple[Any, ...], is_default: bool) -> None:
        self.store = store
        self.size = _size(store)
        self.looks = looks
        self.is_default = is_default


_known: dict[Any, _Parsed] = {}
_lock = RLock()


class Roots:
    """The store of one context: its own, or one that it shares until it adds to it.

    :param context: the handle of the `SSL_CTX`, new.
    """

    __slots__ = ("_context", "_kept", "_may_share", "_shared")

    def __init__(self, context: Handle) -> None:
        self._context = context
        self._may_share = SHARES_STORES
        self._shared: _Parsed | None = None
        #: a handshake in another thread may still look into a store that was replaced
        self._kept: list[STORE] = []

    def share_file(self, file: bytes) -> bool:
        """Believe the authorities in the file of this path; False: load it as any other."""
        with _lock:
            if not self._may_share or not os.path.isfile(file):
                return False
            return self._share(
                (file,),
                lambda store: C.X509_STORE_load_locations(store, file, None),
                is_default=False,
            )

    def share_defaults(self) -> bool:
        """Believe the authorities in the library's default places; False: load them as ever."""
        with _lock:
            if not self._may_share:
                return False
            return self._share(_default_places(), C.X509_STORE_set_default_paths, is_default=True)

    def _share(self, places: tuple[Any, ...], load: Callable[[Any], int], is_default: bool) -> bool:
        parsed = _parse(places, load, is_default)
        if parsed is None:
            return False
        ctx = self._context.ptr
        present = libssl.SSL_CTX_get_cert_store(ctx)
        C.X509_STORE_up_ref(present)
        self._kept.append(STORE(present))
        self._may_share = False
        self._shared = parsed
        libssl.SSL_CTX_set1_cert_store(ctx, parsed.store.ptr)
        return True

    def own(self) -> None:
        """Let the context have a store that is no other's, to be added to."""
        with _lock:
            self._may_share = False
            parsed = self._shared
            if parsed is None:
                return
            store = STORE(C.X509_STORE_new())
            for address in objects(parsed.store.ptr):
                kind = C.X509_OBJECT_get_type(address)
                if kind == X509_LU_X509:
                    certificate = C.X509_OBJECT_get0_X509(address)
                    added = C.X509_STORE_add_cert(store.ptr, certificate)
                elif kind == X509_LU_CRL:
                    revoked = C.X509_OBJECT_get0_X509_CRL(address)
                    added = C.X509_STORE_add_crl(store.ptr, revoked)
                else:
                    continue  # OpenSSL verifies by nothing else
                if not added:
                    raise from_queue()
            self._kept.append(parsed.store)
            libssl.SSL_CTX_set_cert_store(self._context.ptr, store.give())
            if parsed.is_default:
                libssl.SSL_CTX_set_default_verify_dir(self._context.ptr)
                if libssl.SSL_CTX_set_default_verify_store:
                    libssl.SSL_CTX_set_default_verify_store(self._context.ptr)
            # At last: who is interrupted, and loads again, is not to add to the store of all
            self._shared = None


def _parse(places: tuple[Any, ...], load: Callable[[Any], int], is_default: bool) -> _Parsed | None:
    """The store that `load` fills from `places`; None when it fails."""
    key = (is_default, *places)
    looks = tuple(map(_look, places))
    known = _known.get(key)
    # A folder's certificates come in as they are needed: then it is no longer what was loaded
    if known is not None and known.looks == looks and known.size == _size(known.store):
        return known
    store = STORE(C.X509_STORE_new())
    if load(store.ptr) != 1:
        take()
        return None
    parsed = _Parsed(store, looks, is_default)
    newest = max((look[-1] for look in looks if look), default=0)
    if looks == tuple(map(_look, places)) and time() - newest > _SETTLED:
        _known.pop(key, None)
        _known[key] = parsed
        while len(_known) > _MOST:
            del _known[next(iter(_known))]
    return parsed


def _size(store: STORE) -> int:
    return int(C.OPENSSL_sk_num(C.X509_STORE_get0_objects(store.ptr)))


def _look(place: Any) -> tuple[Any, ...] | None:
    """What changes when the file or folder does, and last, when that was; None: there is none."""
    try:
        seen = os.stat(place)
    except (OSError, ValueError):
        return None
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime


def _default_places() -> tuple[str, ...]:
    """The default file and folders. X509_get_default_cert_file_env(3)"""
    file = _default(C.X509_get_default_cert_file_env, C.X509_get_default_cert_file)
    folders = _default(C.X509_get_default_cert_dir_env, C.X509_get_default_cert_dir)
    return (file, *folders.split(os.pathsep))


def _default(variable: Callable[[], bytes], place: Callable[[], bytes]) -> str:
    # An empty one counts: then there is none
    return os.environ.get(os.fsdecode(variable()), os.fsdecode(place()))


def _after_fork() -> None:
    global _lock  # noqa: PLW0603  # a thread that the child does not have may hold it
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
