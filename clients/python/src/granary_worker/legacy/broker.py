"""Stand-ins for the task queue library that old task code imports.

Only what tasks use is here: declaring actors, asking for the current message,
and storing states with a result backend, which become lines and bars.
"""

import sys
import types

from ..job import Cancelled
from . import current


class Message:
    """What is known of a job: message_id is its tracking id."""

    def __init__(self, job, actor):
        self.message_id = job.id
        self.actor_name = actor.actor_name
        self.queue_name = actor.queue_name
        self.args = ()
        self.kwargs = dict(job.kwargs)
        self.options = dict(actor.options)


class Actor:
    """A declared task. Calling it calls the function, here and now."""

    def __init__(self, fn, actor_name=None, queue_name="default", **options):
        self.fn = fn
        self.actor_name = actor_name or fn.__name__
        self.queue_name = queue_name
        self.options = options
        self.__name__ = self.actor_name
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__

    def __call__(self, *args, **kwargs):
        return self.fn(*args, **kwargs)

    def send(self, *_args, **_kwargs):
        raise RuntimeError("a task cannot enqueue the task %s here: start it through the server" % self.actor_name)

    send_with_options = message = message_with_options = send


class Broker:
    """Remembers actors and middleware; delivers nothing."""

    def __init__(self, *_args, middleware=None, **_options):
        self.middleware = list(middleware or [])
        self.actors = {}

    def add_middleware(self, middleware, *_args, **_options):
        self.middleware.append(middleware)

    def declare_actor(self, actor):
        self.actors[actor.actor_name] = actor

    def get_actor(self, name):
        return self.actors[name]

    def get_results_backend(self):
        return next(m.backend for m in self.middleware if isinstance(m, Results))


class Middleware:
    """A base class."""


class CurrentMessage(Middleware):
    """Tells which message is being worked on."""

    @classmethod
    def get_current_message(cls):
        """Return the message of the job that runs, or None."""
        job, actor = current.job(), current.actor()
        return Message(job, actor) if job is not None else None


class ResultMissing(Exception):
    """A result is not there."""


class ResultFailure(Exception):
    """A result is a failure."""


class ResultBackend:
    """Takes states of jobs: an object with infos, warnings, errors and progress, as a whole each time."""

    def __init__(self, *_args, **_options):
        self._said = {}
        self._bars = set()
        self._of = None

    def store_result(self, message, result, ttl=None):
        """Say what is new in a state."""
        job = current.job()
        if job is None or not isinstance(result, dict):
            return
        if self._of is not job:
            self._of, self._said, self._bars = job, {}, set()
        for kind, say in (("infos", job.info), ("warnings", job.warning), ("errors", job.error)):
            lines = [str(line) for line in result.get(kind) or []]
            for line in lines[overlap(self._said.get(kind, []), lines):]:
                say(line)
            self._said[kind] = lines
        bars = set()
        for n, bar in enumerate(result.get("progress") or []):
            if isinstance(bar, dict):
                key = "%d %s" % (n, bar.get("context") or "")
                bars.add(key)
                job.bar(key, bar.get("current") or 0, bar.get("total"), bar.get("context") or "")
        for key in self._bars - bars:
            job.done(key)
        self._bars = bars

    def get_result(self, message, **_options):
        raise ResultMissing("results are kept by the server")


def overlap(before, now):
    """Return how many lines at the start of now are the end of before: lists of lines are cut at their front."""
    for n in range(min(len(before), len(now)), 0, -1):
        if before[-n:] == now[:n]:
            return n
    return 0


class Results(Middleware):
    """Holds a result backend."""

    def __init__(self, *_args, backend=None, **_options):
        self.backend = backend or ResultBackend()


def install():
    """Put the stand-ins where imports find them. Returns the broker, which knows the actors that are declared."""
    state = {"broker": Broker(middleware=[CurrentMessage(), Results()])}
    declared = state["broker"]

    def actor(fn=None, **options):
        def declare(function):
            made = Actor(function, **options)
            declared.declare_actor(made)
            return made

        return declare if fn is None else declare(fn)

    def get_broker():
        return state["broker"]

    def set_broker(broker):
        state["broker"] = broker

    def abort(message_id, *_args, **_options):
        raise RuntimeError("a task cannot cancel the job %s here: cancel it through the server" % message_id)

    modules = {
        "dramatiq": dict(actor=actor, Actor=Actor, Message=Message, Broker=Broker, Middleware=Middleware,
                         get_broker=get_broker, set_broker=set_broker),
        "dramatiq.broker": dict(Broker=Broker, get_broker=get_broker, set_broker=set_broker),
        "dramatiq.message": dict(Message=Message),
        "dramatiq.middleware": dict(Middleware=Middleware, CurrentMessage=CurrentMessage, TimeLimitExceeded=Cancelled),
        "dramatiq.results": dict(Results=Results, ResultBackend=ResultBackend, ResultMissing=ResultMissing, ResultFailure=ResultFailure),
        "dramatiq.results.backends": dict(RedisBackend=ResultBackend, StubBackend=ResultBackend),
        "dramatiq.brokers": {},
        "dramatiq.brokers.redis": dict(RedisBroker=Broker),
        "dramatiq_abort": dict(Abort=Cancelled, Abortable=Results, abort=abort),
    }
    for name, names in modules.items():
        module = types.ModuleType(name, "A stand-in of granary_worker.legacy.")
        module.__dict__.update(names, __path__=[])
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    return declared
