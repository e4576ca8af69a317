"""What a worker does with tasks that misbehave, and with a host that does."""

import signal
import tempfile
import unittest
from pathlib import Path

from .host import TESTS, Host

ODD = str(TESTS / "odd_worker.py")


def odd():
    host = Host("-m", "granary_worker", ODD)
    ready = host.hear()
    assert ready["type"] == "ready" and ready["name"] == "odd_worker" and "busy" in ready["actors"], ready
    return host


class Tasks(unittest.TestCase):
    def test_stray_output_and_input_do_not_reach_the_protocol(self):
        with odd() as host:
            host.job("1", "noisy")
            self.assertEqual(host.until_end(), [{"type": "result", "id": "1", "value": ["", ""]}])
            self.assertEqual(host.finish(), (b"", 0))
            for text in ("printed while loading", "printed\n", "written", "a child's words"):
                self.assertIn(text, host.log())

    def test_a_module_keeps_what_it_loaded(self):
        with odd() as host:
            for n in (1, 2, 3):
                host.job(str(n), "count")
                self.assertEqual(host.until_end()[-1]["value"], n)

    def test_values_that_are_nearly_json(self):
        with odd() as host:
            host.job("1", "values")
            self.assertEqual(host.until_end()[-1]["value"],
                             {"number": 2.5, "path": "/a/b", "set": [1, 3], "tuple": [1], "text": "é\ud800"})

    def test_every_bad_end_is_a_failure_and_the_worker_goes_on(self):
        with odd() as host:
            for kind, words in (("exit", "exit(3)"), ("nan", "JSON"), ("object", "JSON"), ("deep", "JSON"),
                                ("recursion", "RecursionError"), ("long", "ValueError: word"), ("lines", "KeyError: 'a"), ("gone", "KeyError: 'gone'")):
                with self.subTest(kind):
                    host.job(kind, "ends", kind=kind)
                    end = host.until_end()[-1]
                    self.assertEqual(end["type"], "failed")
                    self.assertIn(words, end["error"])
                    self.assertLess(len(end["error"]), 1100)
                    self.assertNotIn("\n", end["error"])
                    self.assertLess(len(end.get("traceback", "")), 13_000)
            host.job("gone", "ends", kind="gone")
            trace = host.until_end()[-1]["traceback"]
            self.assertIn("odd_worker.py", trace)
            self.assertNotIn("granary_worker/worker.py", trace)

    def test_bars(self):
        with odd() as host:
            host.job("1", "bars")
            heard = [m for m in host.until_end() if m["type"] == "progress"]
        fast = [m for m in heard if m["key"] == "fast"]
        self.assertLess(len(fast), 500)
        self.assertEqual((fast[0]["current"], fast[-1].get("end")), (0, True))
        outer = [m for m in heard if m["key"].startswith("Outer")]
        self.assertEqual([(m.get("current"), m.get("total")) for m in (outer[0], outer[-2])], [(0, 2), (2, 2)])
        keys = {m["key"] for m in heard if m["key"].startswith("Inner")}
        self.assertEqual(len(keys), 2)
        self.assertTrue(all(any(m["key"] == key and m.get("end") for m in heard) for key in keys))

    def test_what_comes_after_the_end_is_dropped(self):
        with odd() as host:
            host.job("1", "late")
            self.assertEqual(host.until_end(), [{"type": "result", "id": "1", "value": 1}])
            host.job("2", "join")
            self.assertEqual(host.until_end(), [{"type": "result", "id": "2", "value": "joined"}])

    def test_a_forked_child_does_not_speak(self):
        with odd() as host:
            host.job("1", "forks")
            self.assertEqual(host.until_end(), [{"type": "result", "id": "1", "value": 0}])


class Cancelling(unittest.TestCase):
    def test_whatever_a_task_does(self):
        for actor, extra in (("busy", []), ("deaf", []), ("cleans", ["cleaned up"]), ("threaded", ["seen 1"])):
            with self.subTest(actor), odd() as host:
                host.job("1", actor)
                self.assertEqual(host.hear()["text"], "begun")
                host.say(type="cancel", id="1")
                heard = host.until_end()
                self.assertEqual(heard[-1], {"type": "failed", "id": "1", "error": "cancelled"})
                self.assertEqual([m["text"] for m in heard[:-1]], extra)
                host.job("2", "count")
                self.assertEqual(host.until_end()[-1]["value"], 1)

    def test_no_message_is_broken_in_two(self):
        for round in range(10):
            with odd() as host:
                host.job("1", "flood")
                for _ in range(10 + round):
                    self.assertEqual(len(host.hear()["text"]), 5000)
                host.say(type="cancel", id="1")
                self.assertEqual(host.until_end()[-1]["error"], "cancelled")
                host.job("2", "count")
                self.assertEqual(host.until_end()[-1]["value"], 1)

    def test_another_id_is_not_touched(self):
        with odd() as host:
            host.say(type="cancel", id="nobody")
            host.job("1", "late")
            host.say(type="cancel", id="0")
            self.assertEqual(host.until_end()[-1]["value"], 1)

    def test_exit_and_the_end_of_input_end_a_running_task(self):
        for close in (False, True):
            with self.subTest(close=close), odd() as host:
                host.job("1", "cleans")
                self.assertEqual(host.hear()["text"], "begun")
                if close:
                    host.process.stdin.close()
                else:
                    host.say(type="exit")
                self.assertEqual([m.get("text") or m.get("error") for m in host.until_end()], ["cleaned up", "cancelled"])
                self.assertEqual(host.process.wait(), 0)

    def test_a_host_that_is_gone(self):
        with odd() as host:
            host.job("1", "flood")
            host.hear()
            host.process.stdout.close()
            self.assertEqual(host.process.wait(), 1)

    def test_term_ends_the_process(self):
        with odd() as host:
            host.job("1", "deaf")
            host.hear()
            host.process.send_signal(signal.SIGTERM)
            self.assertEqual(host.process.wait(), -signal.SIGTERM)


class Orders(unittest.TestCase):
    def test_what_is_no_order_ends_the_worker(self):
        for line in (b"hello\n", b"[]\n", b"{}\n", b'{"type":1}\n', b"\xff\n", b'{"type":"job"}\n', b'{"type":"job","id":"1","kwargs":[]}\n', b"[" * 100_000 + b"\n"):
            with self.subTest(line[:40]), odd() as host:
                host.raw(line)
                self.assertEqual(host.process.stdout.read(), b"")
                self.assertEqual(host.process.wait(), 1)
                self.assertIn("granary_worker: ", host.log())

    def test_what_is_let_through(self):
        with odd() as host:
            host.raw(b"\n  \n")
            host.raw(b'{"type":"tomorrow","id":"1"}\n')
            host.raw(b'{"type":"job","id":"1","actor":"count","kwargs":null,"paths":null,"field":1}\n')
            self.assertEqual(host.until_end()[-1]["value"], 1)

    def test_a_task_that_cannot_be_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "empty.py").write_text("")
            (Path(folder) / "broken.py").write_text("import no_such_module\n")
            (Path(folder) / "twice.py").write_text(
                "from granary_worker import task\n@task('a')\ndef one(job): pass\n@task('a')\ndef two(job): pass\n")
            for target, words in (("empty", "no function marked"), ("broken", "no_such_module"), ("twice", "two tasks are called a"), ("", "usage"), ("nowhere", "nowhere")):
                with self.subTest(target), Host("-m", "granary_worker", *[target][:len(target)], cwd=folder) as host:
                    self.assertIsNone(host.hear())
                    self.assertNotEqual(host.process.wait(), 0)
                    self.assertIn(words, host.log())

    def test_a_module_by_name_and_one_of_its_tasks(self):
        with Host("-m", "granary_worker", "odd_worker:count", cwd=str(TESTS)) as host:
            self.assertEqual(host.hear(), {"type": "ready", "protocol": 1, "name": "odd_worker", "actors": ["count"]})

    def test_a_program_that_serves_by_itself(self):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "greeter.py"
            program.write_text("from granary_worker import serve, task\n@task('greet')\ndef greet(job):\n    print('x')\n    return job.kwargs\nserve(greet)\n")
            with Host(str(program)) as host:
                self.assertEqual(host.hear(), {"type": "ready", "protocol": 1, "name": "greeter", "actors": ["greet"]})
                host.job("1", "greet", name="lab")
                self.assertEqual(host.until_end()[-1]["value"], {"name": "lab"})
                self.assertEqual(host.finish(), (b"", 0))


if __name__ == "__main__":
    unittest.main()
