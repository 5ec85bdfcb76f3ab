"""Records as text that is always the same for the same content, so that a hash shows changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from provisioner.core.model.text import printable_json


def canonical_json(record: Mapping[str, object]) -> str:
    """Return a record as JSON with sorted keys, no spaces, and letters unescaped.

    Only invisible characters are escaped.
    """
    return printable_json(json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, as hexadecimal digits."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def iso(time: datetime) -> str:
    """Return a time in UTC, in the format for scripts."""
    return time.isoformat().replace("+00:00", "Z")
