"""Reading data sets as the server lays them out."""

import hashlib
import json
import tempfile
import unittest
from pathlib import Path

from granary_worker import Dataset, DatasetError

try:
    from PIL import Image as pillow
except ImportError:
    pillow = None

BASE = "a" * 64


def lay_out(root, documents, crops=None):
    """Write a data set of documents {uid: [image path]}; returns its uid."""
    folder = Path(root) / "shared" / "datasets" / BASE
    folder.mkdir(parents=True)
    (folder / "info.json").write_text(json.dumps(
        {"uid": BASE, "documents": [{"uid": uid, "type": "zip", "src": "http://h/%s.zip" % uid} for uid in documents]}))
    for uid, paths in documents.items():
        home = Path(root) / "shared" / "documents" / "zip" / uid
        for name in ("images", "cropped", "annotations"):
            (home / name).mkdir(parents=True)
        for path in paths:
            file = home / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if pillow:
                pillow.new("RGB", (200, 100), (200, 10, 10)).save(file, "JPEG")
            else:
                file.write_bytes(b"picture")
        (home / "images.json").write_text(json.dumps(
            [{"id": path[len("images/"):], "src": None, "path": path, "metadata": {"page": n}} for n, path in enumerate(paths, 1)]
            + [{"id": "gone.jpg", "src": None, "path": "images/gone.jpg", "metadata": None}]))
    if crops is None:
        return BASE
    text = json.dumps(crops)
    uid = hashlib.sha256(text.encode()).hexdigest()
    (folder / ("crops_%s.json" % uid)).write_text(text)
    return BASE + "@" + uid


class Reading(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = Path(holder.name)

    def test_pictures(self):
        uid = lay_out(self.root, {"wit1": ["images/b.jpg", "images/sub/a.jpg"], "wit2": ["images/c.jpg"]})
        found = Dataset(uid, self.root)
        self.assertEqual([(i.document.uid, i.id, i.metadata) for i in found.images()],
                         [("wit1", "b.jpg", {"page": 1}), ("wit1", "sub/a.jpg", {"page": 2}), ("wit2", "c.jpg", {"page": 1})])
        self.assertTrue(all(i.file.is_file() for i in found.images()))
        self.assertEqual(found.images()[1].to_dict(), {"id": "sub/a.jpg", "src": None, "path": "images/sub/a.jpg", "metadata": {"page": 2}})

    def test_a_folder_without_a_list(self):
        uid = lay_out(self.root, {"wit1": ["images/b.jpg", "images/a.PNG", "images/notes.txt"]})
        (self.root / "shared/documents/zip/wit1/images.json").unlink()
        self.assertEqual([(i.id, i.path) for i in Dataset(uid, self.root).images()], [("a.PNG", "images/a.PNG"), ("b.jpg", "images/b.jpg")])

    @unittest.skipUnless(pillow, "Pillow is not installed")
    def test_crops(self):
        uid = lay_out(self.root, {"wit1": ["images/a.jpg"], "wit2": ["images/a.jpg"]}, [
            {"doc_uid": "wit2", "source": "a.jpg", "crops": [{"crop_id": "a.jpg-1", "relative": {"x1": 0.1, "y1": 0.2, "x2": 0.35, "y2": 2}}]},
            {"doc_uid": "wit1", "source": "a.jpg", "crops": [
                {"crop_id": "sub/a.jpg-2", "relative": {"x": 0.5, "y": 0.5, "width": 0.25, "height": 0.5}},
                {"crop_id": "a.jpg-3", "relative": {"x": 0.5, "y": 0.5, "width": 0, "height": 0.5}}]},
            {"doc_uid": "wit1", "source": "gone.jpg", "crops": [{"crop_id": "x", "relative": {"x": 0, "y": 0, "width": 1, "height": 1}}]}])
        images = Dataset(uid, self.root).images()
        self.assertEqual([(i.document.uid, i.id, i.metadata["crop"]) for i in images], [
            ("wit1", "sub/a.jpg-2", "0.500,0.500,0.750,1.000"), ("wit1", "a.jpg-3", "0.500,0.500,0.500,1.000"), ("wit2", "a.jpg-1", "0.100,0.200,0.350,2.000")])
        sizes = []
        for image in images:
            with pillow.open(image.file) as picture:
                sizes.append(picture.size)
        self.assertEqual(sizes, [(50, 50), (244, 244), (50, 80)])
        images[0].file.write_bytes(b"kept")
        self.assertEqual(Dataset(uid, self.root).images()[0].file.read_bytes(), b"kept")

    def test_what_is_refused(self):
        good = {"doc_uid": "wit1", "source": "a.jpg"}
        for name, crops in (
            ("parent", [dict(good, crops=[{"crop_id": "../../x", "relative": {"x": 0, "y": 0, "width": 1, "height": 1}}])]),
            ("absolute", [dict(good, crops=[{"crop_id": "/x/" + "../" * 9, "relative": {"x": 0, "y": 0, "width": 1, "height": 1}}])]),
            ("no box", [dict(good, crops=[{"crop_id": "x", "relative": {}}])]),
            ("no list", {"a": 1}), ("number", 7), ("texts", ["a"]), ("null", [None]),
        ):
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                uid = lay_out(root, {"wit1": ["images/a.jpg"]}, crops)
                with self.assertRaises(DatasetError):
                    Dataset(uid, root).images()
        for uid in (None, "", "../x", BASE + "@..", "b" * 64, BASE + "\n"):
            with self.subTest(uid), self.assertRaises(DatasetError):
                Dataset(uid, self.root)

    def test_damaged_files(self):
        for text in ("", "[", "[]", '{"documents":[{}]}', '{"documents":[{"uid":"..","type":"zip"}]}', '{"documents":[{"uid":"a","type":"/etc"}]}', '{"documents":7}'):
            with self.subTest(text), tempfile.TemporaryDirectory() as root:
                uid = lay_out(root, {"wit1": ["images/a.jpg"]})
                (Path(root) / "shared/datasets" / BASE / "info.json").write_text(text)
                with self.assertRaises(DatasetError):
                    Dataset(uid, root)
        for text in ("{}", "[7]", '[{"id":1,"path":"a"}]', '[{"id":"a","path":"../../../../../x"}]', "["):
            with self.subTest(text), tempfile.TemporaryDirectory() as root:
                uid = lay_out(root, {"wit1": ["images/a.jpg"]})
                (Path(root) / "shared/documents/zip/wit1/images.json").write_text(text)
                with self.assertRaises(DatasetError):
                    Dataset(uid, root).images()


if __name__ == "__main__":
    unittest.main()
