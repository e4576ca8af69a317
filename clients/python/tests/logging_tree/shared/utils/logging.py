"""A tree's own logger, which stores its state with each result backend."""

import json
import os
import urllib.request

import dramatiq
from dramatiq.middleware import CurrentMessage
from dramatiq.results import Results


class JobLogger:
    def __init__(self):
        self.message = CurrentMessage.get_current_message()
        self.infos, self.bars = [], {}

    def store(self):
        state = {"status": "PROGRESS", "id": self.message.message_id, "infos": self.infos[-10:]}
        if self.bars:
            state["progress"] = list(self.bars.values())
        for middleware in dramatiq.get_broker().middleware:
            if isinstance(middleware, Results):
                middleware.backend.store_result(self.message, state, 3600000)

    def info(self, text):
        self.infos.append(text)
        self.store()

    def iterate(self, iterable, title):
        for n, item in enumerate(iterable, 1):
            yield item
            self.bars[title] = {"current": n, "total": len(iterable), "context": title}
            self.store()
        del self.bars[title]
        self.store()


def post(url, **body):
    assert "127.0.0.1" in os.environ["NO_PROXY"]
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.status
