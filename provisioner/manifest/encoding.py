"""Turns the bytes of a manifest into text.

Spreadsheets on Turkish desktops write UTF-8 with or without a mark, UTF-16 with one, or Windows-1254 without telling;
those on a Macintosh may write Macintosh Turkish. A file that was put together from several of these is refused: half of
its names would be wrong.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import IO

from provisioner.core.api.errors import InputError
from provisioner.core.model.text import Text
from provisioner.manifest.damage import strangeness
from provisioner.manifest.findings import WHOLE_FILE, WHOLE_LINE, Findings

#: The single-byte encodings of Turkish Windows and of the Turkish Macintosh.
TURKISH = "cp1254"
MACINTOSH = "mac_turkish"

#: How much of a file is looked at to tell text from something else, and what share of it may be control characters.
SAMPLE = 8192
MOST_CONTROLS = 0.05

#: How much of a file is read at once.
_PIECE = 64 * 1024

_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\r\f\x1a"))
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}


def decode(data: bytes, findings: Findings) -> str:
    """Return the text of a file.

    Raises:

        InputError: See :func:`encoding_of`.
    """
    return data.decode(encoding_of(io.BytesIO(data), findings))


def encoding_of(file: IO[bytes], findings: Findings) -> str:
    """Return the encoding of a file. UTF-8 and UTF-16 are read in pieces, and other encodings at once.

    Raises:

        InputError: It is empty, no text, or its lines are encoded in different ways; each line of the smaller part is
            named.
    """
    if not any(piece.strip() for piece in _pieces(file)):
        raise findings.stop(None, WHOLE_FILE, Text("the file is empty"))
    sample = next(_pieces(file))[:SAMPLE]
    for mark, encoding in _MARKS.items():
        if sample.startswith(mark):
            if not _is_in(file, encoding):
                raise _wrongly_marked(_whole(file), encoding, findings)
            return encoding
    if _is_binary(sample):
        raise findings.stop(
            None,
            WHOLE_FILE,
            Text("it is not a text file; save the list as CSV in UTF-8, or as a workbook with the extension .xlsx"),
        )
    return "utf-8" if _is_in(file, "utf-8") else _unmarked_encoding(_whole(file), findings)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _is_in(file: IO[bytes], encoding: str) -> bool:
    """Whether a file is valid in an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for piece in _pieces(file):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_binary(sample: bytes) -> bool:
    return len(sample) - len(sample.translate(None, _CONTROLS)) > MOST_CONTROLS * len(sample)


def _wrongly_marked(data: bytes, encoding: str, findings: Findings) -> InputError:
    """Return the error for a file that isn't in the encoding of its mark."""
    line = None
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    what = Text("it starts like {encoding} but is not valid {encoding}", {"encoding": encoding})
    return findings.stop(line, WHOLE_LINE, what)


def _unmarked_encoding(data: bytes, findings: Findings) -> str:
    """Return the encoding of text that is not UTF-8 throughout."""
    telling = {number: line for number, line in enumerate(data.split(b"\n"), start=1) if not line.isascii()}
    unicode_lines = [number for number, line in telling.items() if _fits(line, "utf-8")]
    turkish_lines = sorted(telling.keys() - set(unicode_lines))
    if unicode_lines:
        fewer, (this, others) = min(
            (turkish_lines, (TURKISH, "utf-8")), (unicode_lines, ("utf-8", TURKISH)), key=lambda part: len(part[0])
        )
        for number in fewer:
            mixed = Text("the line is in {this}, others are in {others}", {"this": this, "others": others})
            findings.add(number, WHOLE_LINE, mixed)
        findings.check()
    if _is_macintosh(data):
        findings.warn(
            turkish_lines[0],
            WHOLE_LINE,
            Text("the file is read as {encoding}; check that the names are correct", {"encoding": MACINTOSH}),
        )
        return MACINTOSH
    for number in turkish_lines:
        if not _fits(telling[number], TURKISH):
            findings.add(
                number, WHOLE_LINE, Text("the line is neither in utf-8 nor in {turkish}", {"turkish": TURKISH})
            )
    findings.check()
    return TURKISH


def _is_macintosh(data: bytes) -> bool:
    """Whether a file makes a Turkish list in Macintosh Turkish, and a worse one in Windows-1254."""
    macintosh = strangeness(data.decode(MACINTOSH, "replace"))
    if not _fits(data, TURKISH):
        return macintosh == 0
    return macintosh < strangeness(data.decode(TURKISH))


def _fits(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
