"""The example worker finds the lines that were written on a page."""

import importlib.util
import json
import os
import tempfile
import unittest
from pathlib import Path

from .host import SOURCES, Host
from .test_dataset import lay_out

EXAMPLE = SOURCES.parent / "examples" / "onnx_text_detector"
MISSING = [name for name in ("numpy", "onnxruntime", "PIL") if importlib.util.find_spec(name) is None]
READY = not MISSING and os.path.isfile(os.environ.get("TEXT_MODEL", ""))


def overlap(a, b):
    """Return the intersection over the union of two boxes."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def write_page(file, lines=8):
    """Write lines of text on a page; returns their boxes in pixels."""
    from PIL import Image, ImageDraw, ImageFont
    page = Image.new("RGB", (1000, 1400), (244, 240, 228))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(36)
    boxes = []
    for n in range(lines):
        at, text = (90 + 40 * (n % 3), 120 + 140 * n), "The quick brown fox no. %d" % n
        draw.text(at, text, fill=(30, 25, 20), font=font)
        boxes.append(draw.textbbox(at, text, font=font))
    page.save(file)
    return boxes


@unittest.skipUnless(READY, "needs numpy, onnxruntime, Pillow and the model that TEXT_MODEL names")
class Text(unittest.TestCase):
    def served(self):
        return Host("-m", "granary_worker", "worker.py", cwd=str(EXAMPLE))

    def found(self, boxes, truth):
        self.assertEqual(len(boxes), len(truth))
        for want in truth:
            self.assertGreater(max(overlap(want, box) for box in boxes), 0.6)

    def test_detect(self):
        with self.served() as host, tempfile.TemporaryDirectory() as tmp:
            self.assertEqual(host.hear()["actors"], ["detect", "extract_objects"])
            truth = write_page(Path(tmp) / "0.png")
            host.say(type="job", id="1", actor="detect", paths={"tmp": tmp}, attempt=1, kwargs={
                "model": "text", "pictures": [{"file": "0.png", "format": "png", "width": 1000, "height": 1400}]})
            answer = host.until_end()[-1]["value"]["pictures"]
            self.found([[v * side for v, side in zip(b["box"], (1000, 1400) * 2)] for b in answer[0]["boxes"]], truth)

    def test_extract_objects(self):
        with self.served() as host, tempfile.TemporaryDirectory() as root:
            host.hear()
            uid = lay_out(root, {"wit1": ["images/a.jpg", "images/b.jpg", "images/c.jpg"], "wit2": []})
            pictures = Path(root) / "shared/documents/zip/wit1/images"
            truth = write_page(pictures / "a.jpg")
            (pictures / "c.jpg").write_bytes(b"no picture")
            host.job("1", "extract_objects", data=root, dataset_uid=uid, experiment_id="e", model=None, postprocess=None)
            heard = host.until_end()
            value = heard[-1]["value"]
            url = "http://lab:8001/datasets/document/zip/wit1/text_detection+e"
            self.assertEqual(value["results_url"], [{"wit1": url, "doc_id": "wit1", "result_url": url}])
            self.assertEqual(list(value["results_url"][0]), ["wit1", "doc_id", "result_url"])
            pages = value["annotations"]["wit1@@text_detection+e"]
            self.assertEqual([page["source"] for page in pages], ["a.jpg", "b.jpg", "c.jpg"])
            self.found([[c["absolute"][k] for k in ("x1", "y1", "x2", "y2")] for c in pages[0]["crops"]], truth)
            self.assertEqual((pages[1]["crops"], pages[2]["crops"], len(value["error"])), ([], [], 2))
            written = json.loads((Path(root) / "shared/documents/zip/wit1/annotations/text_detection+e.json").read_text())
            self.assertEqual(written, pages)
            self.assertEqual([m["data"]["output"]["results_url"] for m in heard if m["type"] == "event"], [value["results_url"]])
            host.job("2", "extract_objects", data=root, dataset_uid=uid, experiment_id="e", model="diagram_extraction.pt")
            self.assertIn("text_detection only", host.until_end()[-1]["error"])


if __name__ == "__main__":
    unittest.main()
