"""``python -m granary_worker.legacy --tree DIR --app NAME`` serves the actors of an existing tree."""

import argparse
import sys

from .. import worker
from ..channel import Channel
from ..job import TaskError
from . import current
from .callback import Callback, last_line
from .tree import Tree, TreeError


def task_for(tree, actor, callback, limit):
    """Return an actor as a task of granary_worker."""

    def run(job):
        if job.paths.data is None:
            raise TaskError("this job has no data folder")
        tree.point_at(job.paths.data)
        kwargs = dict(job.kwargs, notify_url=callback.open(job, lambda value: tree.localise(value, job.base_url)))
        current.begin(job, actor)
        try:
            with limit(job, actor.options.get("time_limit")):
                value = actor.fn(**kwargs)
        finally:
            current.end()
            errors, output = callback.close()
        if value is None and errors:
            raise TaskError(last_line(errors[-1]))
        return tree.localise(output if value is None else value, job.base_url)

    return run


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m granary_worker.legacy", description="Serve the actors of app/NAME/tasks.py of a tree.")
    parser.add_argument("--tree", required=True, help="the folder that holds app/")
    parser.add_argument("--app", required=True, help="the folder below app/ whose tasks are served")
    options = parser.parse_args(arguments)
    channel = Channel.take_over()
    try:
        tree = Tree(options.tree, options.app)
    except TreeError as error:
        print(error, file=sys.stderr)
        return 1
    callback = Callback()
    host = worker.Worker(channel, {})
    host.tasks.update((name, task_for(tree, actor, callback, host.limit)) for name, actor in tree.actors.items())
    host.run(options.app)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
