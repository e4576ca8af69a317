"""Replays the golden transcripts that the server's tests replay too."""

import json
import unittest
from pathlib import Path

from .host import TESTS, Host

TRANSCRIPTS = TESTS.parents[2] / "internal" / "platform" / "worker" / "testdata"


def meaningful(message):
    """Leave out what means nothing: null, 0, false, empty."""
    return {key: value for key, value in message.items() if key == "value" or value not in (None, 0, False, "", [], {})}


class Transcripts(unittest.TestCase):
    def test_guest_side(self):
        replayed = 0
        for file in sorted(Path(TRANSCRIPTS).glob("*.jsonl")):
            entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            if "guest" in entries[0]["sides"]:
                replayed += 1
                with self.subTest(file.name):
                    self.play(entries)
        self.assertGreaterEqual(replayed, 4)

    def play(self, entries):
        with Host("-m", "granary_worker", str(TESTS / "script_worker.py")) as host:
            for entry in entries:
                if "host" in entry:
                    host.say(**entry["host"])
                elif "worker" in entry:
                    got, want = meaningful(host.hear() or {}), meaningful(entry["worker"])
                    if want.get("type") == "ready":
                        got["name"] = want["name"]
                    if want.get("error") == "$ANY":
                        self.assertTrue(got.get("error"))
                        got["error"] = "$ANY"
                    if "traceback" not in want:
                        got.pop("traceback", None)
                    self.assertEqual(got, want)
            self.assertEqual(host.process.stdout.read(), b"")
            self.assertEqual(host.process.wait(), 0)


if __name__ == "__main__":
    unittest.main()
