"""The job that runs, for the modules that stand in for a tree's own."""

_state = {"job": None, "actor": None}


def begin(job, actor):
    """Make job the one that runs."""
    _state.update(job=job, actor=actor)


def end():
    """Forget the job."""
    _state.update(job=None, actor=None)


def job():
    """Return the job that runs, or None."""
    return _state["job"]


def actor():
    """Return the actor that runs, or None."""
    return _state["actor"]
