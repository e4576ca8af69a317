"""Tasks that do what tasks should not, and what they may."""

import os
import pathlib
import subprocess
import sys
import threading
import time

from granary_worker import task

print("printed while loading")
COUNT = [0]


@task("noisy")
def noisy(job):
    print("printed", flush=True)
    os.write(1, b"written\n")
    subprocess.run(["echo", "a child's words"], check=True)
    return [sys.stdin.read(), subprocess.run(["cat"], stdout=subprocess.PIPE, check=True).stdout.decode()]


@task("count")
def count(job):
    COUNT[0] += 1
    return COUNT[0]


@task("busy")
def busy(job):
    job.info("begun")
    while True:
        pass


@task("flood")
def flood(job):
    while True:
        job.info("x" * 5000)


@task("deaf")
def deaf(job):
    job.info("begun")
    while True:
        try:
            time.sleep(600)
        except Exception:
            pass


@task("cleans")
def cleans(job):
    try:
        job.info("begun")
        time.sleep(600)
    finally:
        job.info("cleaned up")


@task("threaded")
def threaded(job):
    seen, over = [], threading.Event()

    def work():
        job.info("begun")
        while not job.cancelled:
            time.sleep(0.01)
        seen.append(1)
        over.set()

    try:
        threading.Thread(target=work).start()
        over.wait()
    finally:
        over.wait()
        job.info("seen %d" % len(seen))


@task("forks")
def forks(job):
    child = os.fork()
    if child == 0:
        job.info("of the child")
        os._exit(0)
    return os.waitpid(child, 0)[1]


@task("bars")
def bars(job):
    for _ in job.progress([1, 2], "Outer"):
        for _ in job.progress(iter("ab"), "Inner"):
            pass
    for n in range(10_000):
        job.bar("fast", n, 10_000)
    job.done("fast")


class Number:
    def item(self):
        return 2.5


@task("values")
def values(job):
    return {"number": Number(), "path": pathlib.Path("/a/b"), "set": {3, 1}, "tuple": (1,), "text": "é\ud800"}


@task("late")
def late(job):
    timer = threading.Timer(0.2, lambda: job.info("late"))
    timer.start()
    LATE.append(timer)
    return 1


@task("join")
def join(job):
    LATE.pop().join()
    return "joined"


@task("ends")
def ends(job):
    kind = job.kwargs["kind"]
    if kind == "exit":
        sys.exit(3)
    if kind == "deep":
        deep = []
        for _ in range(100_000):
            deep = [deep]
        return deep
    if kind == "recursion":
        return ends(job)
    if kind == "long":
        raise ValueError("word " * 10_000)
    if kind == "lines":
        raise KeyError("a\nb")
    return {"nan": float("nan"), "object": object(), "none": None}[kind]


LATE = []
