"""Finding tasks and serving them."""

import contextlib
import importlib
import importlib.util
import os
import queue
import signal
import sys
import threading
import traceback

from .channel import Channel, ProtocolError, TooLong
from .job import Cancelled, Job, TaskError

PROTOCOL = 1
MARK = "granary_task"
# The traceback that is kept, in characters, and the error's one line.
MAX_TRACE = 12 << 10
MAX_ERROR = 1 << 10


def task(name):
    """Mark a function of one argument, the Job, as the actor `name`. Its value is the job's result."""
    if not isinstance(name, str) or not name:
        raise TypeError('give the task a name: @task("extract_objects")')

    def mark(function):
        setattr(function, MARK, name)
        return function

    return mark


def serve(*tasks, name=None):
    """Do the host's jobs with these tasks until it says exit or is gone. Call it in the main thread."""
    found = named(tasks)
    if not found:
        raise TypeError("there is no task to serve")
    run(Channel.take_over(), name or os.path.splitext(os.path.basename(sys.argv[0] or "worker"))[0] or "worker", found)


def named(functions):
    """Return marked functions by their names."""
    found = {}
    for function in functions:
        name = getattr(function, MARK, None)
        if not isinstance(name, str):
            raise TypeError("%r is not marked with @task" % (function,))
        if found.setdefault(name, function) is not function:
            raise TypeError("two tasks are called %s" % name)
    return found


def load(target):
    """Import MODULE or FILE.py, optionally followed by :NAME; return a name for the worker and its tasks."""
    source, _, attribute = target.partition(":")
    if source.endswith(".py"):
        name = os.path.splitext(os.path.basename(source))[0]
        spec = importlib.util.spec_from_file_location(name, source)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    else:
        if "" not in sys.path and os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        name = source.rpartition(".")[2]
        module = importlib.import_module(source)
    if attribute:
        value = getattr(module, attribute)
        tasks = named([value] if callable(value) else list(value))
    else:
        marked = (v for v in vars(module).values() if callable(v) and isinstance(getattr(v, MARK, None), str))
        tasks = named({id(v): v for v in marked}.values())
    if not tasks:
        raise SystemExit("%s has no function marked with @task" % target)
    return name, tasks


def run(channel, name, tasks):
    """Say ready and do jobs, one at a time. tasks are callables by actor."""
    Worker(channel, tasks).run(name)


class Worker:
    """The loop of the main thread and the reader beside it."""

    def __init__(self, channel, tasks):
        self._channel = channel
        self.tasks = tasks
        self._orders = queue.Queue()
        self._lock = threading.Lock()
        self._job = None
        self._armed = False
        self._depth = 0
        self._main = threading.get_ident()

    def run(self, name):
        if hasattr(signal, "pthread_kill"):
            signal.signal(signal.SIGUSR1, self._look)
        self._channel.write({"type": "ready", "protocol": PROTOCOL, "name": name, "actors": sorted(self.tasks)})
        threading.Thread(target=self._read, name="granary-reader", daemon=True).start()
        while True:
            order = self._orders.get()
            if order is None:
                return
            if isinstance(order, Exception):
                raise SystemExit("granary_worker: %s" % order)
            try:
                self._work(order)
            except OSError as error:  # the host is gone; nobody is left to tell
                print("granary_worker: write to host: %s" % error, file=sys.stderr, flush=True)
                os._exit(1)  # the reader still waits for input, in which Python cannot shut down

    def _read(self):
        """Hand jobs to the main thread; interrupt it for the rest."""
        try:
            while True:
                order = self._channel.read()
                if order is None or order["type"] == "exit":
                    break
                if order["type"] == "cancel":
                    self._cancel(order.get("id"))
                elif order["type"] == "job":
                    for field, kind in (("id", str), ("actor", (str, type(None))), ("kwargs", (dict, type(None))), ("paths", (dict, type(None)))):
                        if not isinstance(order.get(field), kind):
                            raise ProtocolError("the %s of a job is of the wrong type" % field)
                    self._orders.put(order)
        except (ProtocolError, OSError) as error:
            self._orders.put(error)
        self._orders.put(None)
        self._cancel(None)

    def _cancel(self, wanted):
        """Interrupt the job `wanted`, or any for None. A job that has ended is not touched."""
        with self._lock:
            job = self._job
            if job is None or wanted not in (None, job.id):
                return
            job._cancel()
            self.interrupt()

    def interrupt(self):
        """Make the main thread look at its job, even out of a call that waits. Without signals only Job.check does."""
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(self._main, signal.SIGUSR1)

    def _look(self, _number=None, _frame=None):
        # Only the task is interrupted: neither the words about its end nor a
        # message that is half written.
        if self._armed and self._depth == 0 and self._job is not None and self._job.cancelled:
            self._armed = False
            raise Cancelled()

    @contextlib.contextmanager
    def limit(self, job, milliseconds):
        """Interrupt the block, which then fails, when it takes longer; None is no limit."""
        if not milliseconds:
            yield
            return
        over = threading.Event()

        def end():
            over.set()
            self._cancel(job.id)

        timer = threading.Timer(milliseconds / 1000, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Cancelled:
            if over.is_set():
                raise TaskError("the task exceeded its time limit of %g s" % (milliseconds / 1000)) from None
            raise
        finally:
            timer.cancel()

    @contextlib.contextmanager
    def shield(self):
        """Hold an interruption of the main thread back until the end of the block."""
        if threading.get_ident() != self._main:
            yield
            return
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        self._look()

    def _work(self, order):
        job = Job(self._channel, order, self.shield)
        with self._lock:
            self._job = job
        end = self._attempt(job, self.tasks.get(job.actor))
        with self._lock:  # a cancel that comes from here on is for a job that has ended
            self._job = None
        try:
            job._end(end)
        except (TypeError, ValueError, TooLong, RecursionError) as error:
            job._end({"type": "failed", "error": "the result cannot be written as JSON: %s" % one_line(error)})

    def _attempt(self, job, function):
        if function is None:
            return {"type": "failed", "error": "there is no actor %r" % job.actor}
        try:
            try:
                self._armed = True
                job.check()
                return {"type": "result", "value": function(job)}
            finally:
                self._armed = False
        except Cancelled:
            self._armed = False
            return {"type": "failed", "error": "cancelled"}
        except SystemExit as error:
            return {"type": "failed", "error": "the task called exit(%s)" % (error.code,)}
        except BaseException as error:  # the next job must not pay for this one
            return {"type": "failed", "error": one_line(error), "traceback": trace(error)}


def one_line(error):
    """Say an exception in one line: its words, after its class where they need one."""
    words = " ".join(str(error).split())
    if not isinstance(error, TaskError) or not words:
        words = "%s: %s" % (type(error).__name__, words) if words else type(error).__name__
    return words[:MAX_ERROR]


def trace(error):
    """Return the traceback from the task on, its middle left out when it is long."""
    frames = error.__traceback__
    own = os.path.dirname(os.path.abspath(__file__))
    while frames is not None and frames.tb_next is not None and \
            os.path.dirname(os.path.abspath(frames.tb_frame.f_code.co_filename)) == own:
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    if len(text) > MAX_TRACE:
        text = text[:MAX_TRACE // 2] + "\n  …\n" + text[-MAX_TRACE // 2:]
    return text
