"""Data sets for trees that have no shared.dataset: the reader of granary_worker with the names that tasks use."""

from urllib.parse import quote

from .. import dataset
from ..dataset import Image
from . import settings

__all__ = ["Dataset", "Document", "Image"]


class Document(dataset.Document):
    """A document whose pictures the server has fetched."""

    def download(self, *_args, **_options):
        """Do nothing: the pictures are there."""

    def list_images(self):
        return self.images()

    def has_images(self):
        return bool(self.images())

    def get_absolute_url(self):
        return "%s/datasets/document/%s/%s" % (settings.BASE_URL, self.type, quote(self.uid))

    def get_download_url(self):
        return self.get_absolute_url() + "/download"

    def get_annotations_url(self, name):
        return "%s/%s" % (self.get_absolute_url(), quote(name, safe="/+"))

    def get_results_url(self, demo):
        return "%s/%s/%s/result" % (settings.BASE_URL, demo, quote(self.uid))


class Dataset(dataset.Dataset):
    """A data set of the job that runs."""

    document_class = Document

    def __init__(self, uid, load=True, **_options):
        super().__init__(uid, root=settings.API_DATA_FOLDER)

    def prepare(self, *_args, **_options):
        """Return the pictures, or the crops where the set has crops."""
        return self.images()

    def get_absolute_url(self):
        return "%s/datasets/dataset/%s" % (settings.BASE_URL, self.uid)
