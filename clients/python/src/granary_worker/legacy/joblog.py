"""Logging and notifying for tasks whose tree has no shared.utils.logging.

    @dramatiq.actor(…)
    @notifying
    def extract_objects(experiment_id, dataset_uid, logger, notifier, notify_url=None, **kwargs): …

`notifying` says STARTED, calls the function with a logger and a notifier, and
says SUCCESS with its value, or ERROR with the exception, which it swallows.
"""

import functools
import json
import logging
import sys
import traceback
import urllib.request
from typing import Union

from ..channel import plain
from . import current

# A receiver works before it answers.
NOTIFY_TIMEOUT = 15 * 60


def console(message="", color=None, **_options):
    """Write a line to the worker's own log."""
    print(message, file=sys.stderr, flush=True)


def serializer(value):
    """Turn what JSON does not know into text, for json.dumps(default=serializer)."""
    try:
        return plain(value)
    except TypeError:
        return str(value)


class LoggerHelper:
    """Writes to the worker's own log."""

    def __init__(self, logger=None):
        self._logger = logger or logging.getLogger("granary_worker")

    def info(self, *message):
        self._logger.info(_text(message))

    def warning(self, *message):
        self._logger.warning(_text(message))

    def error(self, *message, exception=None):
        self._logger.error(_text(message), exc_info=exception)

    def progress(self, current, total=None, title="", **_options):
        self._logger.info("%s %s/%s", title, current, total)

    def iterate(self, iterable, title="", total=None, **_options):
        for item in iterable:
            yield item


class JobLogger(LoggerHelper):
    """Writes to the log of the job that runs, and shows its bars."""

    def __init__(self, job=None):
        super().__init__()
        self._job = job

    @property
    def job(self):
        return self._job or current.job()

    def info(self, *message):
        self._say("info", message)

    def warning(self, *message):
        self._say("warning", message)

    def error(self, *message, exception=None):
        self._say("error", message)
        if exception is not None:
            console("".join(traceback.format_exception(type(exception), exception, exception.__traceback__)))

    def progress(self, current, total=None, title="", end=False, **_options):
        if self.job is None:
            return
        if end:
            self.job.done(title or "progress")
        else:
            self.job.bar(title or "progress", current, total, title)

    def iterate(self, iterable, title="", total=None, **_options):
        return super().iterate(iterable) if self.job is None else self.job.progress(iterable, title, total)

    def _say(self, kind, message):
        if self.job is None:
            getattr(super(), kind)(*message)
        else:
            getattr(self.job, kind)(_text(message))


TLogger = Union[JobLogger, LoggerHelper]


def _text(message):
    return " ".join(str(part) for part in message)


class Notifier:
    """Calling it POSTs an event to an address; without an address it does nothing."""

    def __init__(self, url, **ids):
        self._url = url
        self._ids = ids
        # Loopback or not: what goes through a proxy is not for us to say here.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __call__(self, event, **more):
        if not self._url:
            return
        body = json.dumps(dict(self._ids, event=event, **more), default=serializer).encode()
        request = urllib.request.Request(self._url, data=body, headers={"Content-Type": "application/json"}, method="POST")
        with self._opener.open(request, timeout=NOTIFY_TIMEOUT) as answer:
            answer.read()

    notify = __call__


def notifying(function):
    """Wrap an actor's function; see the module."""

    @functools.wraps(function)
    def wrapped(*args, experiment_id=None, notify_url=None, **kwargs):
        job = current.job()
        logger = JobLogger(job)
        notifier = Notifier(notify_url, tracking_id=job.id if job is not None else None, experiment_id=experiment_id)
        notifier("STARTED")
        try:
            output = function(*args, experiment_id=experiment_id, notify_url=notify_url, logger=logger, notifier=notifier, **kwargs)
        except Exception as error:
            text = "[%s] %s" % (type(error).__name__, error)
            logger.error(text, exception=error)
            stack = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            notifier("ERROR", error=text + "\n" + stack, completed=True)
            return None
        notifier("SUCCESS", success=True, output=output)
        return output

    return wrapped
