"""The loopback address that tasks notify.

    task ── POST {"event": …} ──► 127.0.0.1:PORT/SECRET/JOB ──► event | failed | output

A POST is answered when its message was written, so that the order holds.
"""

import http.server
import json
import secrets
import threading

from ..channel import MAX_MESSAGE

# The members of a notification that every one has.
IDS = ("event", "tracking_id", "experiment_id")


class Callback:
    """The server, and what the present job said through it."""

    def __init__(self):
        self._secret = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        self._job = None
        self._change = None
        self._errors = []
        self._output = None
        handler = type("Handler", (_Handler,), {"callback": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="granary-callback", daemon=True).start()

    def open(self, job, change):
        """Take what job notifies; returns its address. Events' data pass through change."""
        with self._lock:
            self._job, self._change, self._errors, self._output = job, change, [], None
        return "http://127.0.0.1:%d/%s/%s" % (self._server.server_address[1], self._secret, job.id)

    def close(self):
        """Refuse what comes from now on; returns the errors that were to be the end, and the output of a success."""
        with self._lock:
            self._job = None
            return self._errors, self._output

    def path_is_right(self, path):
        """Tell whether path is that of the present job."""
        with self._lock:
            return self._job is not None and secrets.compare_digest(
                path.partition("?")[0].encode(), ("/%s/%s" % (self._secret, self._job.id)).encode())

    def take(self, message):
        """Pass one notification on. Raises ValueError for what is none."""
        if not isinstance(message, dict) or not isinstance(message.get("event"), str):
            raise ValueError("a notification is an object with an event")
        event = message["event"]
        with self._lock:
            job, change = self._job, self._change
            if job is None:
                return
            if event == "STARTED":
                return  # the server has said so
            if event == "SUCCESS":
                self._output = message.get("output")
                return
            if event == "ERROR" and message.get("completed") is not False:
                self._errors.append(message.get("error") or message.get("message") or "")
                return
        if event == "ERROR":
            data = {"error": message.get("error") or message.get("message") or ""}
            job.error(last_line(data["error"]))
        elif event == "PROGRESS":
            data = {"output": message.get("output")}
        else:
            data = {name: value for name, value in message.items() if name not in IDS}
        job.event(event, change(data))


def last_line(error):
    """Return what a traceback says at its end, or the one line of an error that is none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return "the task failed"
    # "[Class] message" comes first, the exception of a bare traceback last.
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


class _Handler(http.server.BaseHTTPRequestHandler):
    callback = None
    timeout = 60
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.close_connection = True
        try:
            length = int(self.headers.get("Content-Length") or "")
        except ValueError:
            return self._answer(411, "send a Content-Length")
        if not 0 <= length <= MAX_MESSAGE:
            return self._answer(413, "the notification is too long")
        if not self.callback.path_is_right(self.path):
            return self._answer(404, "no such job")
        try:
            self.callback.take(json.loads(self.rfile.read(length)))
        except (TypeError, ValueError) as error:
            return self._answer(400, str(error))
        return self._answer(200, None)

    def _answer(self, status, error):
        body = json.dumps({"success": error is None, "error": error}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Say nothing on standard error."""
