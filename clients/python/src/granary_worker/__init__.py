"""The worker's side of Granary's worker protocol, version 1.

A worker is a program that does jobs. Mark functions as tasks and serve them::

    from granary_worker import serve, task

    @task("extract_objects")
    def extract(job):
        for image in job.progress(job.dataset().images(), "Images"):
            ...
        return {"results_url": []}

    if __name__ == "__main__":
        serve(extract)

or leave the last two lines out and run ``python -m granary_worker MODULE``.

    host ── job ──► reader thread ──► main thread: task(job) ──► result | failed
         ── cancel ─► raises Cancelled in the task

Tasks run in the main thread, one at a time, so that what a module keeps in its
globals, such as a loaded model, stays there for the next job. Standard output
belongs to the protocol: what libraries print goes to standard error.
"""

from .dataset import Dataset, DatasetError, Document, Image
from .job import Cancelled, Job, Paths, TaskError
from .worker import serve, task

__all__ = [
    "Cancelled", "Dataset", "DatasetError", "Document", "Image", "Job", "Paths", "TaskError", "serve", "task",
]
