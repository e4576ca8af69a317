"""Makes a tree importable and its constants fit every job.

A tree reads its data folder and its public address when it is imported, and a
warm worker does many jobs after that, each with folders and an address of its
own. So the data folder is a link that is led to the folder of each job, and
the address that the tree believes in is replaced in what it hands over.
"""

import importlib
import os
import sys
import tempfile
import types
from pathlib import Path

from . import broker, finder, settings

LOOPBACK = "127.0.0.1,localhost"


class TreeError(Exception):
    """The tree cannot be used."""


class Tree:
    """A tree of task code with one app of it imported."""

    def __init__(self, folder, app):
        self.folder = Path(folder).resolve()
        if not (self.folder / "app" / app / "tasks.py").is_file():
            raise TreeError("there is no app/%s/tasks.py in %s" % (app, self.folder))
        self._link = Path(tempfile.mkdtemp(prefix="granary-tree-")) / "data"
        empty = self._link.with_name("empty")  # until the first job, for what is made on import
        empty.mkdir()
        self.point_at(empty)
        self._prepare_environment()
        sys.path.insert(0, str(self.folder))
        declared = broker.install()
        finder.install()
        # The app's package makes a web application when it is imported; here
        # it is only the folder that holds the apps.
        package = types.ModuleType("app")
        package.__path__ = [str(self.folder / "app")]
        sys.modules["app"] = package
        importlib.import_module("app.%s.tasks" % app)
        self.actors = dict(declared.actors)
        if not self.actors:
            raise TreeError("app/%s/tasks.py declares no actor" % app)
        self._bases = self._base_urls()

    def _prepare_environment(self):
        for name, value in settings.read_env(self.folder / ".env").items():
            os.environ.setdefault(name, value)
        os.environ["API_DATA_FOLDER"] = str(self._link) + "/"
        for name in ("NO_PROXY", "no_proxy"):  # for what is notified on the loopback address
            os.environ[name] = ",".join(filter(None, [os.environ.get(name), LOOPBACK]))
        importlib.reload(settings)

    @staticmethod
    def _base_urls():
        """Return the addresses in which the imported modules believe."""
        found = {getattr(sys.modules.get(name), "BASE_URL", None) for name in ("config", "app.config", "config.base", "app.config.base", settings.__name__)}
        return sorted((url.rstrip("/") for url in found if isinstance(url, str) and "://" in url), key=len, reverse=True)

    def point_at(self, data):
        """Lead the tree's data folder to that of a job."""
        fresh = self._link.with_name("next")
        if fresh.is_symlink():
            fresh.unlink()
        fresh.symlink_to(data, target_is_directory=True)
        os.replace(fresh, self._link)

    def localise(self, value, base_url):
        """Return value with the tree's public address replaced by the job's in every text that begins with it."""
        if isinstance(value, str) and base_url:
            for base in self._bases:
                if value == base or value.startswith(base + "/"):
                    return base_url.rstrip("/") + value[len(base):]
        if isinstance(value, dict):
            return {key: self.localise(inner, base_url) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.localise(inner, base_url) for inner in value]
        return value
