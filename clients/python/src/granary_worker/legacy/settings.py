"""What a tree reads from its `config`, from the environment and the .env beside the tree."""

import os
from pathlib import Path


def read_env(file):
    """Return the variables of a .env file: NAME=value, quotes, # comments. A file that is not there has none."""
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        name = name.replace("export ", "", 1).strip()
        if not equals or not name.isidentifier():
            continue
        value = value.strip()
        if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
            value = value[1:value.find(value[0], 1)]
        else:
            value = value.partition(" #")[0].strip()
        found[name] = value
    return found


def _get(name, default):
    # Blank means unset.
    return os.environ.get(name) or default


def _base_url():
    port = _get("API_PORT", "5000")
    url = _get("PROD_URL", "") if _get("TARGET", "dev") == "prod" else ""
    if url and "://" not in url:
        url = "https://" + url
    return (url or "http://localhost:%s" % port).rstrip("/")


BASE_URL = _base_url()
TIME_LIMIT = 24 * 60 * 60 * 1000  # milliseconds
API_DATA_FOLDER = Path(_get("API_DATA_FOLDER", "data/"))
XACCEL_PREFIX = _get("XACCEL_PREFIX", "/media")
