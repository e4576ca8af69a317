"""``python -m granary_worker MODULE[:NAME]`` serves the tasks of a module."""

import sys

from .channel import Channel
from .worker import load, run

USAGE = "usage: python -m granary_worker MODULE[:NAME]   the module's tasks, or the one or the list called NAME"


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    # Before the module is imported: importing a framework may print.
    channel = Channel.take_over()
    name, tasks = load(arguments[0])
    run(channel, name, tasks)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
