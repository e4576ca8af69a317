"""One job, as its task sees it."""

import threading
import time
from pathlib import Path

from .channel import TooLong
from .dataset import Dataset

# A line of the log, in characters; the host cuts at 16 KiB.
MAX_TEXT = 8 << 10
# A bar is told at most this often, in seconds, but for its first and last state.
BAR_PAUSE = 0.1


class Cancelled(BaseException):
    """The job is not wanted any more. Not an Exception, so that `except Exception` lets it through."""


class TaskError(Exception):
    """A failure in words for users: its text is the job's error as it stands."""


class Paths:
    """A job's folders as pathlib.Path, or None where it has none.

    data is the private data folder, dataset the folder of data sets, results
    where files to be published are written, tmp is removed with the job.
    """

    def __init__(self, found):
        for name in ("data", "dataset", "results", "tmp"):
            value = found.get(name)
            setattr(self, name, Path(value) if isinstance(value, str) and value else None)


class Job:
    """One piece of work, and the way back to the host.

    Attributes: id, actor, kwargs (a dict), paths, base_url, attempt (from 1).
    The methods are safe from any thread; once the task has returned they do
    nothing.
    """

    def __init__(self, channel, order, shield):
        self.id = order["id"]
        self.actor = order.get("actor") or ""
        self.kwargs = order.get("kwargs") or {}
        self.paths = Paths(order.get("paths") or {})
        self.base_url = order.get("base_url") or ""
        self.attempt = order.get("attempt") or 1
        self._channel = channel
        self._shield = shield
        self._lock = threading.Lock()
        self._open = True
        self._cancelled = threading.Event()
        self._bars = {}
        self._key = 0

    def info(self, text):
        """Write a line of the job's log."""
        self._line("info", text)

    def warning(self, text):
        """Write a line about something odd."""
        self._line("warning", text)

    def error(self, text):
        """Write a line about something that failed while the job goes on."""
        self._line("error", text)

    def bar(self, key, current, total=None, title=""):
        """Show the bar `key`: current of total (None: unknown) units are done. Call it as often as you like."""
        now = time.monotonic()
        with self._lock:
            told = self._bars.get(key)
            if told is not None and now - told < BAR_PAUSE and current != total:
                return
            self._bars[key] = now
        self._say("progress", key=str(key), context=str(title), current=int(current), total=None if total is None else int(total))

    def done(self, key):
        """Take the bar `key` away."""
        with self._lock:
            self._bars.pop(key, None)
        self._say("progress", key=str(key), end=True)

    def progress(self, items, title="", total=None):
        """Iterate over items and show how far it is; raises Cancelled between two of them."""
        if total is None:
            try:
                total = len(items)
            except TypeError:
                pass
        with self._lock:
            self._key += 1
            key = "%s-%d" % (title or "bar", self._key)
        self.bar(key, 0, total, title)
        try:
            for n, item in enumerate(items, 1):
                self.check()
                yield item
                self.bar(key, n, total, title)
        finally:
            self.done(key)

    def event(self, name, data):
        """Hand a part of the result over, such as PROGRESS after a document.

        Files that belong to it are written before. Raises TypeError and
        ValueError for what is no JSON, and for more than 128 MiB.
        """
        try:
            self._say("event", event=name, data=data)
        except TooLong as error:
            raise ValueError(str(error)) from None

    @property
    def cancelled(self):
        """Whether the job is not wanted any more."""
        return self._cancelled.is_set()

    def check(self):
        """Raise Cancelled when the job is not wanted any more: for loops in threads of your own."""
        if self.cancelled:
            raise Cancelled()

    def dataset(self, uid=None):
        """Return the job's data set: the one called uid, or that of the argument dataset_uid."""
        if self.paths.data is None:
            raise TaskError("this job has no data folder")
        return Dataset(uid or self.kwargs.get("dataset_uid"), root=self.paths.data)

    def _line(self, kind, text):
        self._say(kind, text=str(text)[:MAX_TEXT])

    def _say(self, kind, **fields):
        with self._shield(), self._lock:
            if self._open:
                self._channel.write(dict(fields, type=kind, id=self.id))

    def _cancel(self):
        self._cancelled.set()

    def _end(self, message):
        """Write the job's last message; nothing follows it."""
        with self._lock:
            self._open = False
            self._channel.write(dict(message, id=self.id))
