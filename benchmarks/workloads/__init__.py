"""The workloads, by what they stress; importing them registers them, in the table's order."""

from . import handshakes, transfer, messages, memory, event_loop, start, growth  # noqa: F401, I001
