"""A worker that finds text: a detector of vision pipelines, and the regions app.

    TEXT_MODEL=/opt/models/ch_PP-OCRv4_det_infer.onnx python3 -m granary_worker worker.py
"""

import os

from PIL import Image, ImageOps

from detector import TextDetector
from granary_worker import TaskError, task
from granary_worker.regions import Regions

NAME = "text_detection"

# Loading takes a moment: once, before the worker says that it is ready.
DETECTOR = TextDetector(os.environ["TEXT_MODEL"])


@task("detect")
def detect(job):
    """Find lines of text on the pictures of a vision pipeline; boxes are fractions of the sides."""
    answers = []
    for picture in job.kwargs["pictures"]:
        with Image.open(job.paths.tmp / picture["file"]) as image:
            image = ImageOps.exif_transpose(image)
            width, height = image.size
            found = DETECTOR.find(image)
        answers.append({"boxes": [
            {"box": [x1 / width, y1 / height, x2 / width, y2 / height], "label": "text", "score": score} for x1, y1, x2, y2, score in found]})
    return {"pictures": answers}


@task("extract_objects")
def extract_objects(job):
    """Find lines of text on every page of a data set, as the model text_detection of the regions app."""
    model = (job.kwargs.get("model") or NAME).partition(".")[0]
    if model != NAME:
        raise TaskError("this worker has the model %s only, not %s" % (NAME, model))
    regions = Regions(job, model)
    for document in job.progress(job.dataset().documents, "Documents"):
        images = document.images()
        if not images:
            regions.errors.append("document %s has no image" % document.uid)
            job.error(regions.errors[-1])
            continue
        for page in job.progress(images, "Pages of " + document.uid):
            try:
                with Image.open(page.file) as image:
                    width, height = image.size
                    found = DETECTOR.find(image)
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                regions.errors.append("image %s of document %s: %s" % (page.id, document.uid, error))
                job.error(regions.errors[-1])
                width, height, found = 0, 0, []
            regions.add(page, width, height, found, job.kwargs.get("postprocess"))
        regions.publish(document)
    if not regions.result()["results_url"]:
        raise TaskError("no document has an image")
    return regions.result()
