"""Gives a tree the modules that it expects and has not."""

import importlib
import importlib.abc
import importlib.machinery
import sys

# What each name is here; None is a package of no content.
OWN = {
    "config": "settings",
    "config.base": "settings",
    "shared": None,
    "shared.dataset": "documents",
    "shared.dataset.dataset": "documents",
    "shared.dataset.document": "documents",
    "shared.tasks": "tasks",
    "shared.utils": None,
    "shared.utils.logging": "joblog",
}


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked last, so that the tree's own modules win."""

    def find_spec(self, name, path=None, target=None):
        if self._own(name) is ...:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    @staticmethod
    def _own(name):
        return OWN.get(name[len("app."):] if name.startswith("app.") else name, ...)

    def create_module(self, spec):
        own = self._own(spec.name)
        if own is None:
            return None
        # One module under all its names, so that each class exists once.
        return importlib.import_module(__package__ + "." + own)

    def exec_module(self, module):
        """Do nothing: the module has run."""


def install():
    """Add the finder to the end of the import machinery."""
    sys.meta_path.append(Finder())
