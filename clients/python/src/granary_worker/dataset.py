"""Reading a data set from a job's private data folder.

    DATA/shared/datasets/BASE_UID/info.json           the documents of the set
    DATA/shared/datasets/BASE_UID/crops_CROPS.json    boxes that stand for the pictures
    DATA/shared/documents/TYPE/UID/images.json        the pictures of a document
    DATA/shared/documents/TYPE/UID/{images,cropped,annotations}/

A data set's uid is BASE_UID or BASE_UID@CROPS_UID. Cutting crops needs Pillow;
nothing else here needs more than Python.
"""

import json
import os
import re
from pathlib import Path, PurePosixPath

PICTURES = (".jpg", ".jpeg", ".png")
UID = re.compile(r"[0-9a-f]{64}(@[0-9a-f]{64})?\Z")
MAX_FILE = 256 << 20


class DatasetError(Exception):
    """The data set is not there or cannot be read."""


class Image:
    """One picture: id, src, path (relative to its document's folder), metadata, document, file (absolute)."""

    def __init__(self, id, src, path, metadata=None, document=None):
        self.id = id
        self.src = src
        self.path = path
        self.metadata = metadata
        self.document = document

    @property
    def file(self):
        return self.document.path / self.path

    def to_dict(self):
        """Return the picture as images.json has it."""
        return {"id": self.id, "src": self.src, "path": str(self.path), "metadata": self.metadata}


class Document:
    """One document: type, uid, src, and the pictures in its folder."""

    def __init__(self, type, uid, src, root):
        self.type = type
        self.uid = uid
        self.src = src
        self.path = _inside(Path(root) / "shared" / "documents", type, uid)

    @property
    def images_path(self):
        return self.path / "images"

    @property
    def cropped_path(self):
        return self.path / "cropped"

    @property
    def annotations_path(self):
        return self.path / "annotations"

    def images(self):
        """Return the pictures: those of images.json that are there, or else all of the folder by path."""
        try:
            listed = _read(self.path / "images.json")
        except FileNotFoundError:
            return [Image(str(found.relative_to(self.images_path)), str(found.relative_to(self.path)), str(found.relative_to(self.path)), None, self)
                    for found in sorted(self.images_path.rglob("*")) if found.suffix.lower() in PICTURES and found.is_file()]
        if not isinstance(listed, list):
            raise DatasetError("images.json of document %s is damaged" % self.uid)
        images = []
        for entry in listed:
            if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not isinstance(entry.get("path"), str):
                raise DatasetError("images.json of document %s is damaged" % self.uid)
            if _inside(self.path, entry["path"]).is_file():
                images.append(Image(entry["id"], entry.get("src"), entry["path"], entry.get("metadata"), self))
        return images


class Dataset:
    """A data set: uid, path, documents. images() has every picture, or every crop where the set has crops."""

    document_class = Document

    def __init__(self, uid, root):
        if not isinstance(uid, str) or not UID.match(uid):
            raise DatasetError("%.150r is no uid of a data set" % (uid,))
        self.uid = uid
        self.base_uid, _, self.crops_uid = uid.partition("@")
        self.path = Path(root) / "shared" / "datasets" / self.base_uid
        try:
            info = _read(self.path / "info.json")
            self.documents = [self.document_class(d["type"], d["uid"], d.get("src"), root) for d in info["documents"]]
        except FileNotFoundError:
            raise DatasetError("there is no data set %s" % self.base_uid) from None
        except (KeyError, TypeError):
            raise DatasetError("info.json of data set %s is damaged" % self.base_uid) from None

    def images(self):
        """Return the pictures of all documents in order; crops are cut on the way and reused."""
        if not self.crops_uid:
            return [image for document in self.documents for image in document.images()]
        try:
            entries = _read(self.path / ("crops_%s.json" % self.crops_uid))
        except FileNotFoundError:
            raise DatasetError("the crops of the data set are not there") from None
        return self._crops(entries)

    def _crops(self, entries):
        known = {(d.uid, image.id): image for d in self.documents for image in d.images()}
        found = []
        try:
            for entry in entries:
                uid = entry.get("doc_uid") or (self.documents[0].uid if len(self.documents) == 1 else "")
                source = known.get((uid, entry["source"]))
                if source is None:
                    continue  # of a picture that could not be had
                boxes = [(crop["crop_id"], corners(crop["relative"])) for crop in entry["crops"]]
                found.extend(cut(source, boxes))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DatasetError("the crops of the data set are damaged") from None
        order = {d.uid: n for n, d in enumerate(self.documents)}
        return sorted(found, key=lambda image: order[image.document.uid])


def corners(box):
    """Return (x1, y1, x2, y2) in fractions of the picture from {x1,y1,x2,y2} or {x,y,width,height}."""
    if all(box.get(name) is not None for name in ("x1", "y1", "x2", "y2")):
        return tuple(float(box[name]) for name in ("x1", "y1", "x2", "y2"))
    x, y = float(box["x"]), float(box["y"])
    return x, y, x + float(box["width"]), y + float(box["height"])


def cut(source, boxes):
    """Cut boxes, (id, corners) each, out of a picture into cropped/ID.jpg. Returns an Image for each."""
    images, whole = [], None
    for id, box in boxes:
        path = "cropped/%s.jpg" % id
        file = _inside(source.document.path, path)
        if not file.exists():
            if whole is None:
                whole = _open(source.file)
            part = _part(whole, box)
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh = file.with_name(".%s.%d" % (file.name[-200:], os.getpid()))
            part.save(fresh, "JPEG", quality=95)
            os.replace(fresh, file)
        metadata = dict(source.metadata or {}, crop="%.3f,%.3f,%.3f,%.3f" % box)
        images.append(Image(id, source.src, path, metadata, source.document))
    return images


def _open(file):
    try:
        from PIL import Image as pillow
    except ImportError:
        raise DatasetError("cutting crops needs Pillow: pip install Pillow") from None
    try:
        return pillow.open(file).convert("RGB")
    except Exception as error:  # Pillow raises what its decoders raise
        raise DatasetError("picture %s cannot be read: %s" % (file.name, error)) from None


def _part(whole, box):
    width, height = whole.size
    x1, x2 = (int(min(max(v, 0.0), 1.0) * width) for v in (box[0], box[2]))
    y1, y2 = (int(min(max(v, 0.0), 1.0) * height) for v in (box[1], box[3]))
    if x2 <= x1 or y2 <= y1:
        from PIL import Image as pillow
        return pillow.new("RGB", (244, 244))
    return whole.crop((x1, y1, x2, y2))


def _inside(folder, *parts):
    """Join names from files onto a folder; raises DatasetError for those that lead out of it."""
    for part in parts:
        pure = PurePosixPath(part)
        if not part or "\0" in part or pure.is_absolute() or ".." in pure.parts:
            raise DatasetError("%.100r cannot name a file" % part)
    return Path(folder).joinpath(*parts)


def _read(file):
    with open(file, "rb") as stream:
        text = stream.read(MAX_FILE + 1)
    if len(text) > MAX_FILE:
        raise DatasetError("%s is larger than %d bytes" % (file.name, MAX_FILE))
    try:
        return json.loads(text)
    except ValueError:
        raise DatasetError("%s is damaged" % file.name) from None
