"""The base class of tasks for trees that have no shared.tasks."""

from . import current


class LoggedTask:
    """A task with a log: subclasses write run_task, which is true when the task succeeded."""

    def __init__(self, logger, experiment_id, notify_url=None, notifier=None, **kwargs):
        self.jlogger = logger
        self.experiment_id = experiment_id
        self.notify_url = notify_url
        self.notifier = notifier
        job = current.job()
        self.task_id = job.id if job is not None else None
        self.error_list = []
        for name, value in kwargs.items():
            setattr(self, name, value)

    def run_task(self):
        raise NotImplementedError("a task says what it does in run_task")

    def task_update(self, event, message=None, exception=None, **more):
        """Notify of an event; ERROR raises, so that the wrapper tells of it and the task ends."""
        if event == "ERROR":
            if message:
                self.error_list.append(str(message))
            raise exception if exception is not None else RuntimeError(message or "the task failed")
        if event == "SUCCESS":
            return  # the wrapper tells of it
        if self.notifier is not None:
            self.notifier(event, message=message, **more)

    def print_and_log(self, message, *_args, **_options):
        self.jlogger.info(message)

    def print_and_log_warning(self, message, *_args, **_options):
        self.jlogger.warning(message)

    def print_and_log_error(self, message, exception=None, **_options):
        self.jlogger.error(message, exception=exception)

    log = print_and_log

    def handle_error(self, message, exception=None, **_options):
        """Remember and log an error; the task goes on."""
        text = "%s: %s" % (message, exception) if exception is not None else str(message)
        self.error_list.append(text)
        self.jlogger.error(text, exception=exception)

    log_error = handle_error
