"""The two pipes to the host: whole JSON lines, bounded, nothing else on them."""

import json
import os
import sys
import threading

# What the host's longest order and our longest message may have, in bytes.
MAX_ORDER = 256 << 20
MAX_MESSAGE = 128 << 20


class ProtocolError(Exception):
    """The host said something that is no order."""


class TooLong(Exception):
    """A message exceeds MAX_MESSAGE."""


def plain(value):
    """Turn what JSON does not know into what it does: numpy numbers and arrays, paths, sets."""
    for method in ("tolist", "item"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError("%s cannot be written as JSON" % type(value).__name__)


def encode(message):
    """Return a message as one line. Raises ValueError for NaN, TypeError, TooLong."""
    # ASCII, because a lone surrogate in a file name has no UTF-8.
    line = json.dumps(message, ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=plain).encode("ascii") + b"\n"
    if len(line) > MAX_MESSAGE:
        raise TooLong("a message of %d bytes exceeds the limit of %d" % (len(line), MAX_MESSAGE))
    return line


class Channel:
    """Reads orders and writes messages. Writing is safe from any thread."""

    def __init__(self, source, sink):
        """source is a binary file, sink a file descriptor."""
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        self._owner = os.getpid()

    @classmethod
    def take_over(cls):
        """Take the process' standard input and output for the protocol.

        Whoever writes to standard output from now on, a C library or a child
        process too, writes to standard error; whoever reads standard input
        finds its end. The descriptors taken are not inherited.
        """
        sys.stdout.flush()
        source, sink = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.close(empty)
        sys.stdout = sys.stderr
        return cls(os.fdopen(source, "rb"), sink)

    def read(self):
        """Return the next order, or None at the end of input. Raises ProtocolError."""
        while True:
            line = self._source.readline(MAX_ORDER + 1)
            if not line:
                return None
            if len(line) > MAX_ORDER:
                raise ProtocolError("an order exceeds %d bytes" % MAX_ORDER)
            if not line.strip():
                continue
            try:
                order = json.loads(line.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                raise ProtocolError("an order is not JSON: %s" % error) from None
            if not isinstance(order, dict) or not isinstance(order.get("type"), str):
                raise ProtocolError("an order has no type")
            return order

    def write(self, message):
        """Write one message. Raises like encode, and OSError when the host is gone."""
        line = encode(message)
        if os.getpid() != self._owner:
            return  # a forked child must not speak in the middle of its parent's line
        with self._lock:
            view = memoryview(line)
            while view:
                view = view[os.write(self._sink, view):]
