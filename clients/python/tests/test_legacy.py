"""Trees in the old style, driven over the protocol."""

import json
import tempfile
import unittest
from pathlib import Path

from .host import TESTS, Host
from .test_dataset import lay_out


def served(tree, app):
    return Host("-m", "granary_worker.legacy", "--tree", str(TESTS / tree), "--app", app, cwd=tempfile.gettempdir())


class Copyists(unittest.TestCase):
    """A tree that has no shared library of its own."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = Path(holder.name)

    def test_jobs_one_after_the_other(self):
        with served("legacy_tree", "copyists") as host:
            self.assertEqual(host.hear(), {"type": "ready", "protocol": 1, "name": "copyists",
                                           "actors": ["copy_images", "dawdle", "fail", "update_error", "wait"]})
            for n in (1, 2):  # each with folders and an address of its own
                data, home = self.root / str(n), "http://lab:%d" % n
                uid = lay_out(data, {"wit1": ["images/a.jpg"], "wit2": [], "wit3": ["images/b.jpg"]})
                host.job("t-%d" % n, "copy_images", data=data, base_url=home + "/", experiment_id="e%d" % n, dataset_uid=uid, model="m", postprocess=None)
                heard = host.until_end()
                self.assertEqual(heard[0], {"type": "info", "id": "t-%d" % n, "text": "Copying for e%d, message t-%d" % (n, n)})
                urls = [{"doc_id": d, "result_url": "%s/datasets/document/zip/%s/m+e%d" % (home, d, n)} for d in ("wit1", "wit3")]
                dataset_url = "%s/datasets/dataset/%s" % (home, uid)
                self.assertEqual([m for m in heard if m["type"] == "event" and m["event"] == "PROGRESS"], [
                    {"type": "event", "id": "t-%d" % n, "event": "PROGRESS", "data": {"output": {"dataset_url": dataset_url, "results_url": [url]}}} for url in urls])
                self.assertEqual([m["data"] for m in heard if m["type"] == "event" and m["event"] == "ERROR"], [{"error": "[ValueError] no picture"}])
                self.assertIn("Document wit2: no picture", [m.get("text") for m in heard if m["type"] == "error"])
                self.assertTrue(any(m["type"] == "progress" and m.get("context") == "Documents" and m.get("total") == 3 for m in heard))
                self.assertEqual(heard[-1], {"type": "result", "id": "t-%d" % n, "value": {
                    "dataset_url": dataset_url, "results_url": urls, "error": ["Document wit2: no picture"], "loaded": n, "prefix": "/files", "home": home}})
                written = json.loads((data / ("shared/documents/zip/wit1/annotations/m+e%d.json" % n)).read_text())
                self.assertEqual([image["id"] for image in written], ["a.jpg"])
                self.assertTrue((data / "copyists/results/wit3.json").is_file())
                self.assertIsNone(next((m for m in heard if m["type"] == "event" and m["event"] not in ("PROGRESS", "ERROR")), None))
            self.assertEqual(host.finish(), (b"", 0))
            self.assertIn("copying", host.log())

    def test_ends(self):
        with served("legacy_tree", "copyists") as host:
            host.hear()
            for actor, error in (("fail", "[LookupError] no such thing"), ("update_error", "[RuntimeError] cannot go on"),
                                 ("dawdle", "the task exceeded its time limit of 0.2 s")):
                with self.subTest(actor):
                    host.job(actor, actor, data=self.root, experiment_id="e")
                    heard = host.until_end()
                    self.assertEqual((heard[-1]["type"], heard[-1]["error"]), ("failed", error))
                    self.assertFalse([m for m in heard if m["type"] == "event"])
            host.job("t", "wait", data=self.root, experiment_id="e")
            self.assertEqual(host.hear()["text"], "waiting")
            host.say(type="cancel", id="t")
            self.assertEqual(host.until_end(), [{"type": "failed", "id": "t", "error": "cancelled"}])
            host.job("u", "copy_images", data=self.root, experiment_id="e", dataset_uid="../x")
            self.assertIn("is no uid of a data set", host.until_end()[-1]["error"])
            host.job("v", "copy_images", experiment_id="e")
            self.assertEqual(host.until_end()[-1]["error"], "this job has no data folder")

    def test_a_tree_that_cannot_be_served(self):
        with tempfile.TemporaryDirectory() as folder:
            empty = Path(folder) / "app" / "empty"
            empty.mkdir(parents=True)
            (empty / "tasks.py").write_text("")
            for app, words in (("nothing", "there is no app/nothing/tasks.py"), ("empty", "declares no actor")):
                with self.subTest(app), Host("-m", "granary_worker.legacy", "--tree", folder, "--app", app) as host:
                    self.assertIsNone(host.hear())
                    self.assertEqual(host.process.wait(), 1)
                    self.assertIn(words, host.log())


class Counting(unittest.TestCase):
    """A tree whose own logger stores its states, and which notifies by itself."""

    def test_states_become_lines_and_bars(self):
        with served("logging_tree", "counting") as host, tempfile.TemporaryDirectory() as data:
            self.assertEqual(host.hear()["actors"], ["count"])
            host.job("t", "count", data=data, experiment_id="e", upto=25)
            heard = host.until_end()
            self.assertEqual([m["text"] for m in heard if m["type"] == "info"], ["n is %d" % n for n in range(25)])
            bars = [m for m in heard if m["type"] == "progress"]
            self.assertEqual((bars[0]["context"], bars[0]["total"], bars[-1].get("end")), ("Counting", 25, True))
            self.assertEqual([(m["event"], m["data"]) for m in heard if m["type"] == "event"], [("COMPLETED", {"message": "counted"})])
            self.assertEqual(heard[-1]["value"], {"refused": [404, 404, 400]})


if __name__ == "__main__":
    unittest.main()
