"""The host's side of a conversation, for tests."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SOURCES = TESTS.parent / "src"
# A conversation that hangs is ended, upon which its test fails.
LIMIT = 60


class Host:
    """Starts a worker and talks to it."""

    def __init__(self, *arguments, env=None, cwd=None):
        environment = dict(os.environ, PYTHONPATH=str(SOURCES), PYTHONDONTWRITEBYTECODE="1", **(env or {}))
        self.process = subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment, cwd=cwd)
        self._timer = threading.Timer(LIMIT, self.process.kill)
        self._timer.start()
        self._log = []
        self._reader = threading.Thread(target=lambda: self._log.append(self.process.stderr.read()))
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self._timer.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    def raw(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def say(self, **order):
        self.raw(json.dumps(order).encode() + b"\n")

    def job(self, id, actor, data="", base_url="http://lab:8001", **kwargs):
        self.say(type="job", id=id, actor=actor, kwargs=kwargs, base_url=base_url, attempt=1,
                 paths={"data": str(data), "dataset": "", "results": "", "tmp": ""})

    def hear(self):
        """Return the next message, or None at the end."""
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def until_end(self):
        """Return the messages up to a job's last one."""
        heard = []
        while True:
            message = self.hear()
            if message is None:
                raise AssertionError("the worker ended after %s: %s" % (heard, self.log()))
            heard.append(message)
            if message["type"] in ("result", "failed"):
                return heard

    def finish(self):
        """Say exit; return what the worker still said and its status."""
        self.say(type="exit")
        rest = self.process.stdout.read()
        return rest, self.process.wait()

    def log(self):
        self.process.wait()
        self._reader.join()
        return self._log[0].decode(errors="replace")
