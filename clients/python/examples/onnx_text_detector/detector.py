"""Finds text on pictures with a DBNet model such as PP-OCRv4's detector, in ONNX Runtime.

The model answers with the probability of text for every point of a picture
whose sides are multiples of 32. Points above MAP_THRESHOLD that touch form a
line; what the training shrank is grown again (Liao et al., "Real-time Scene
Text Detection with Differentiable Binarization", AAAI 2020, section 3.4).
"""

import numpy
import onnxruntime

LONG_SIDE = 960
MAX_PIXELS = 64_000_000
MAP_THRESHOLD = 0.3
BOX_THRESHOLD = 0.6
GROW = 1.5
MIN_SIDE = 3
MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)
STD = numpy.array([0.229, 0.224, 0.225], numpy.float32)


class TextDetector:
    """Holds the loaded model; find() is what it is for."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(path, options, providers=onnxruntime.get_available_providers())
        self._input = self._session.get_inputs()[0].name

    def find(self, picture):
        """Return (x1, y1, x2, y2, confidence) in pixels for each line on a PIL picture, from top to bottom."""
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise ValueError("the picture has more than %d pixels" % MAX_PIXELS)
        scale = min(1.0, LONG_SIDE / max(width, height))
        columns, rows = (max(32, round(side * scale / 32) * 32) for side in (width, height))
        pixels = numpy.asarray(picture.convert("RGB").resize((columns, rows)), numpy.float32)[:, :, ::-1] / 255  # trained on BGR
        batch = ((pixels - MEAN) / STD).transpose(2, 0, 1)[numpy.newaxis]
        likely = self._session.run(None, {self._input: numpy.ascontiguousarray(batch, numpy.float32)})[0][0, 0]
        found = []
        for x1, y1, x2, y2, confidence in boxes(likely):
            found.append((x1 * width / columns, y1 * height / rows, x2 * width / columns, y2 * height / rows, confidence))
        return sorted(found, key=lambda box: (box[1], box[0]))


def boxes(likely):
    """Return the upright boxes of the lines in a map of probabilities, grown to their true size."""
    rows, columns = likely.shape
    for runs in components(likely > MAP_THRESHOLD):
        x1, x2 = min(start for _, start, _ in runs), max(end for _, _, end in runs)
        y1, y2 = runs[0][0], runs[-1][0] + 1
        total = sum(float(likely[row, start:end].sum()) for row, start, end in runs)
        confidence = total / sum(end - start for _, start, end in runs)
        width, height = x2 - x1, y2 - y1
        if confidence < BOX_THRESHOLD or min(width, height) < MIN_SIDE:
            continue
        margin = width * height * GROW / (2 * (width + height))
        yield max(x1 - margin, 0), max(y1 - margin, 0), min(x2 + margin, columns), min(y2 + margin, rows), confidence


def components(mask):
    """Return the connected components of a mask (four neighbours) as lists of runs (row, start, end), in order of rows."""
    parent = []

    def root(n):
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    runs, above = [], []
    padded = numpy.zeros((mask.shape[0], mask.shape[1] + 2), numpy.int8)
    padded[:, 1:-1] = mask
    edges = numpy.diff(padded, axis=1)
    for row in range(mask.shape[0]):
        here, n = [], 0
        for start, end in zip(numpy.flatnonzero(edges[row] == 1).tolist(), numpy.flatnonzero(edges[row] == -1).tolist()):
            index = len(runs)
            runs.append((row, start, end))
            parent.append(index)
            while n < len(above) and runs[above[n]][2] <= start:
                n += 1
            m = n
            while m < len(above) and runs[above[m]][1] < end:
                parent[root(above[m])] = root(index)
                m += 1
            here.append(index)
        above = here
    groups = {}
    for index, run in enumerate(runs):
        groups.setdefault(root(index), []).append(run)
    return list(groups.values())
