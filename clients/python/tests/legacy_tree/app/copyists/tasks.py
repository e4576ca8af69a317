"""Tasks in the style of a tree whose shared library is not there."""

import json
import time
from typing import Optional

import dramatiq
from dramatiq.middleware import CurrentMessage

from config import API_DATA_FOLDER, BASE_URL, TIME_LIMIT, XACCEL_PREFIX
from shared.dataset import Dataset
from shared.tasks import LoggedTask
from shared.utils.logging import TLogger, console, notifying

RESULTS = API_DATA_FOLDER / "copyists" / "results"
LOADED = []  # stays in a warm worker


class Copy(LoggedTask):
    def __init__(self, dataset: Dataset, model: Optional[str] = None, **kwargs):
        super().__init__(**kwargs)
        self.dataset = dataset
        self.model = model
        self.results_url = []

    def run_task(self):
        self.task_update("STARTED")
        for document in self.jlogger.iterate(self.dataset.documents, "Documents"):
            try:
                if not document.has_images():
                    raise ValueError("no picture")
                self.copy(document)
            except ValueError as error:
                self.handle_error("Document %s" % document.uid, exception=error)
                self.notifier("ERROR", error="[ValueError] no picture", completed=False)
        return bool(self.results_url)

    def copy(self, document):
        document.download()
        document.annotations_path.mkdir(exist_ok=True)
        name = "%s+%s" % (self.model, self.experiment_id)
        found = [image.to_dict() for image in document.list_images()]
        (document.annotations_path / (name + ".json")).write_text(json.dumps(found))
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / (document.uid + ".json")).write_text(json.dumps(found))
        url = {"doc_id": document.uid, "result_url": document.get_annotations_url(name)}
        self.results_url.append(url)
        self.task_update("PROGRESS", output={"dataset_url": self.dataset.get_absolute_url(), "results_url": [url]})


@dramatiq.actor(time_limit=TIME_LIMIT, max_retries=0, store_results=True, queue_name="queue7")
@notifying
def copy_images(experiment_id: str, dataset_uid: str, logger: TLogger, notifier, notify_url: Optional[str] = None, **parameters):
    LOADED.append(1)
    console("copying", color="blue")
    logger.info("Copying for %s, message %s" % (experiment_id, CurrentMessage.get_current_message().message_id))
    dataset = Dataset(dataset_uid, load=True)
    dataset.prepare()
    task = Copy(logger=logger, experiment_id=experiment_id, notify_url=notify_url, notifier=notifier, dataset=dataset, **parameters)
    if not task.run_task():
        return {"error": task.error_list}
    return {"dataset_url": dataset.get_absolute_url(), "results_url": task.results_url, "error": task.error_list,
            "loaded": len(LOADED), "prefix": XACCEL_PREFIX, "home": BASE_URL}


@dramatiq.actor(max_retries=0)
@notifying
def fail(experiment_id: str, logger: TLogger, notifier, notify_url: Optional[str] = None, **kwargs):
    raise LookupError("no such thing")


@dramatiq.actor
@notifying
def update_error(experiment_id: str, logger: TLogger, notifier, notify_url: Optional[str] = None, **kwargs):
    LoggedTask(logger=logger, experiment_id=experiment_id, notifier=notifier).task_update("ERROR", message="cannot go on")


@dramatiq.actor(time_limit=200)
@notifying
def dawdle(experiment_id: str, logger: TLogger, notifier, notify_url: Optional[str] = None, **kwargs):
    logger.info("waiting")
    time.sleep(60)


@dramatiq.actor(actor_name="wait", time_limit=TIME_LIMIT)
@notifying
def wait_long(experiment_id: str, logger: TLogger, notifier, notify_url: Optional[str] = None, **kwargs):
    logger.info("waiting")
    while True:
        try:
            time.sleep(60)
        except Exception:
            pass
