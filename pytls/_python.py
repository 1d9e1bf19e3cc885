"""Where `ssl` differs from one Python to the next, and programs would notice: what this one does.

In all else pytls is the newest `ssl`, whatever Python it runs on.
"""

from __future__ import annotations

import sys

#: a context is a client's or a server's, and default contexts say which; old names warn
SIDES = sys.version_info >= (3, 10)

#: either end tells its own ciphers as those shared, handshake or not
OWN_CIPHERS = sys.version_info < (3, 10)

#: what a negative number is, where C takes none
NEGATIVE = ValueError if sys.version_info >= (3, 14) else OverflowError

#: a read or write that the operating system ends is an OSError, such as ConnectionResetError; else
#: it is as if the peer had gone without close_notify (python/cpython#115627)
TELLS_ERRNO = not (3, 10) <= sys.version_info < (3, 13)

#: `wrap_bio` is refused what `wrap_socket` is: no name to check, or what is for clients on a server
CHECKS_OBJECTS = sys.version_info >= (3, 14)

#: default contexts hold certificates to RFC 5280, and trust what is below a root, too
STRICT = sys.version_info >= (3, 13)

#: whether one thread at a time runs Python, so that a method in C is not interrupted by another
ONE_AT_A_TIME: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
