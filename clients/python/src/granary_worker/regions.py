"""What the regions app hands over: for each document, boxes on each of its pictures.

    found = Regions(job, model="text")
    for document in dataset.documents:
        for image in document.images():
            found.add(image, width, height, [(x1, y1, x2, y2, confidence), …])
        found.publish(document)
    return found.result()

Front ends derive a page's number from its place in the list, so every picture
has an entry, also one on which nothing was found.
"""

import json
from urllib.parse import quote

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def b36(left, top, width, height):
    """Return a box, in fractions of its picture, as eight base-36 digits: a stable part of a crop's id."""
    numbers = [min(max(round(v * 1295), 0), 1295) for v in (left, top, width, height)]
    return "".join(DIGITS[n // 36] + DIGITS[n % 36] for n in numbers)


def adjust(box, width, height, postprocess):
    """Apply the option postprocess to a box in pixels: null, "", "watermarks", or squarify with margins."""
    if postprocess == "watermarks":
        postprocess = {"squarify": True, "h_margin": 0.05, "v_margin": 0.05}
    x1, y1, x2, y2 = box
    if isinstance(postprocess, dict):
        if postprocess.get("squarify"):
            half = min(max(x2 - x1, y2 - y1), width, height) / 2
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            x1, y1, x2, y2 = x - half, y - half, x + half, y + half
        h = min(max(float(postprocess.get("h_margin") or 0), 0), 1) * (x2 - x1)
        v = min(max(float(postprocess.get("v_margin") or 0), 0), 1) * (y2 - y1)
        x1, y1, x2, y2 = x1 - h, y1 - v, x2 + h, y2 + v
    return max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)


def crop(image, width, height, box, confidence):
    """Return one crop of the list; box is in pixels and within the picture."""
    x1, y1, x2, y2 = (int(v) for v in box)
    absolute = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "width": x2 - x1, "height": y2 - y1}
    exact = {key: value / (width if key in ("x1", "x2", "width") else height) for key, value in absolute.items()}
    bbox = b36(exact["x1"], exact["y1"], exact["width"], exact["height"])
    return {
        "bbox": bbox, "crop_id": "%s-%s" % (image.id, bbox), "source": image.id, "confidence": round(float(confidence), 4),
        "absolute": absolute, "relative": {key: round(value, 4) for key, value in exact.items()},
    }


class Regions:
    """Collects the boxes of a job, writes each document's annotations and tells of them."""

    def __init__(self, job, model):
        self._job = job
        self._name = "%s+%s" % (model.partition(".")[0], job.kwargs.get("experiment_id") or job.id)
        self._dataset_url = "%s/datasets/dataset/%s" % (job.base_url.rstrip("/"), job.kwargs.get("dataset_uid"))
        self._open = []
        self._annotations = {}
        self._results = []
        self.errors = []

    def add(self, image, width, height, boxes, postprocess=None):
        """Add a picture of width × height pixels with its boxes (x1, y1, x2, y2, confidence) in pixels."""
        crops = []
        for *box, confidence in boxes:
            box = adjust(box, width, height, postprocess)
            if int(box[2]) > int(box[0]) and int(box[3]) > int(box[1]):
                crops.append(crop(image, width, height, box, confidence))
        self._open.append({"source": image.id, "source_info": image.to_dict(), "width": width, "height": height,
                           "doc_uid": image.document.uid, "crops": crops})

    def publish(self, document):
        """Write the annotations of the pictures added since the last time, as those of document, and send PROGRESS."""
        found, self._open = self._open, []
        document.annotations_path.mkdir(parents=True, exist_ok=True)
        (document.annotations_path / (self._name + ".json")).write_text(json.dumps(found), encoding="utf-8")
        url = "%s/datasets/document/%s/%s/%s" % (self._job.base_url.rstrip("/"), document.type, quote(document.uid), quote(self._name, safe="+"))
        # Older front ends take the first pair as {uid: address}.
        result = {document.uid: url, "doc_id": document.uid, "result_url": url}
        self._annotations["%s@@%s" % (document.uid, self._name)] = found
        self._results.append(result)
        self._job.event("PROGRESS", {"output": {"dataset_url": self._dataset_url, "annotations": found, "results_url": [result]}})

    def result(self):
        """Return the task's result."""
        return {"dataset_url": self._dataset_url, "annotations": self._annotations, "results_url": self._results, "error": self.errors}
