"""The actor that the golden transcripts speak to."""

import time

from granary_worker import TaskError, task


@task("script")
def script(job):
    for step in job.kwargs["script"]:
        (verb, value), = step.items()
        if verb in ("info", "warning", "error"):
            getattr(job, verb)(value)
        elif verb == "progress":
            job.bar(value["key"], value["current"], value["total"], value["context"])
        elif verb == "done":
            job.done(value)
        elif verb == "event":
            job.event(value["name"], value["data"])
        elif verb == "wait":
            time.sleep(600)
        elif verb == "return":
            return value
        elif verb == "raise":
            raise TaskError(value)
    raise TaskError("the script has no end")
