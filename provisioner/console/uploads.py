"""Forms with a file. They are read in memory: nothing of them is written to a disk."""

from __future__ import annotations

import io
from collections.abc import Mapping

import attrs
from multipart import MultipartError, MultipartParser, parse_options_header

from provisioner.console.incoming import LARGEST_UPLOAD, MOST_FIELDS, UnusableRequestError

#: The paths at which a form can have a file.
UPLOADS = frozenset({"/lists"})

#: The longest name of a file that is kept.
_LONGEST_NAME = 100


@attrs.frozen
class Upload:
    """A file that came with a form."""

    #: Its name, without folders and characters that can't be printed.
    name: str
    content: bytes = attrs.field(repr=False)


def uploaded_form(body: bytes, content_type: str) -> tuple[Mapping[str, str], Upload | None]:
    """Return the fields of a form, and the file that comes with it.

    Args:

        body: The form.

        content_type: The header that names its boundary.

    Raises:

        UnusableRequestError: It can't be read, a field comes twice, or there are several files.
    """
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    fields: dict[str, str] = {}
    uploads: list[Upload] = []
    try:
        parser = MultipartParser(
            io.BytesIO(body),
            boundary,
            strict=True,
            part_limit=MOST_FIELDS,
            spool_limit=LARGEST_UPLOAD,
            memory_limit=LARGEST_UPLOAD,
            disk_limit=0,
        )
        for part in parser:
            if part.filename is not None:
                uploads.append(Upload(_name(part.filename), part.raw))
            elif part.name in fields:
                raise UnusableRequestError(400)
            else:
                fields[part.name] = part.raw.decode()
    except (MultipartError, UnicodeDecodeError):
        raise UnusableRequestError(400) from None
    chosen = [upload for upload in uploads if upload.name or upload.content]
    if len(chosen) > 1:
        raise UnusableRequestError(400)
    return fields, next(iter(chosen), None)


def _name(given: str) -> str:
    """Return the name of a file without the folders that some browsers send."""
    name = given.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isprintable())[-_LONGEST_NAME:].strip()
