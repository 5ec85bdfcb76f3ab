"""Draws a letter: one page of A4 as a PDF, in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.api.errors import MisconfiguredError, SecretRefusedError
from provisioner.core.api.messages import DeliverSecret
from provisioner.core.model.secret import Secret
from provisioner_letter.wording import WORDINGS, Wording

#: The most characters of a password that fit on one line.
LONGEST_PASSWORD = 64

#: The size of a page of A4, and its margin, in points.
WIDTH, HEIGHT, MARGIN = 595, 842, 71

#: How far below the upper edge the address is, so that it can be read through the window of an envelope (DIN 5008).
ADDRESS = 150

#: The sizes of text and password in points. A long password is smaller.
SIZE, TITLE_SIZE, PASSWORD_SIZE = 10, 14, 24

#: The width of a character of the monospaced font, as a share of its size.
_SHARE = 0.61

#: How many lines of one paragraph are drawn.
_MOST_LINES = 4

#: What stands for a character that the font lacks.
MISSING = "\N{REPLACEMENT CHARACTER}"

#: The characters of the ID by which a letter is named on paper.
SHORT_ID = 8

#: reportlab keeps fonts, and which of their characters are used, for the whole process.
_DRAWING = threading.Lock()


@attrs.frozen(kw_only=True)
class Paper:
    """What the letters of a channel have in common.

    Args:

        fonts: The folder with the fonts.

        help_desk: The phone number of the help desk.

        language: ``tr`` or ``en``.

        zone: The time zone of the times in letters.
    """

    fonts: Path
    help_desk: str
    language: str
    zone: ZoneInfo

    def expect_usable(self) -> None:
        """Check that the fonts are there.

        Raises:

            MisconfiguredError: They are not.
        """
        with _DRAWING:
            _ = self._sans, self._mono

    def letter(self, request: DeliverSecret) -> bytes:
        """Return the letter that a request asks for.

        Raises:

            SecretRefusedError: The password can't be printed as it is.

            MisconfiguredError: The fonts can't be read.
        """
        with _DRAWING:
            self._require_printable(request.secret)
            return self._drawn(request)

    @property
    def _sans(self) -> Any:
        return _font(self.fonts / "DejaVuSans.ttf")

    @property
    def _mono(self) -> Any:
        return _font(self.fonts / "DejaVuSansMono.ttf")

    @property
    def _wording(self) -> Wording:
        return WORDINGS[self.language]

    def _require_printable(self, secret: Secret) -> None:
        glyphs = self._mono.face.charToGlyph
        printable = all(sign.isprintable() and not sign.isspace() and ord(sign) in glyphs for sign in secret.reveal())
        if not printable or len(secret.reveal()) > LONGEST_PASSWORD:
            raise SecretRefusedError(
                "the password can't be printed in a letter",
                cure="add a password policy that excludes spaces, unusual characters and more than {most} characters",
                most=LONGEST_PASSWORD,
            )

    def _drawn(self, request: DeliverSecret) -> bytes:
        from reportlab.pdfgen.canvas import Canvas

        stream = BytesIO()
        canvas = Canvas(stream, pagesize=(WIDTH, HEIGHT), lang=self.language)
        canvas.setTitle(self._wording.title)
        canvas.setAuthor("provisioner")
        sheet = _Sheet(canvas, self._sans.fontName, self._mono.fontName, HEIGHT - ADDRESS)
        self._fill(sheet, request)
        canvas.showPage()
        canvas.save()
        return stream.getvalue()

    def _fill(self, sheet: _Sheet, request: DeliverSecret) -> None:
        for line in _address(request):
            sheet.paragraph(self._shown(line))
        sheet.skip(60)
        sheet.paragraph(self._wording.title, TITLE_SIZE)
        sheet.skip(10)
        for label, value in self._facts(request):
            sheet.paragraph(self._shown(f"{label}: {value}"))
        sheet.skip(20)
        sheet.paragraph(f"{self._wording.password}:")
        sheet.password(request.secret)
        for line in self._wording.legend:
            sheet.aligned(line)
        sheet.skip(20)
        for paragraph in self._advice(request):
            sheet.paragraph(self._shown(paragraph))

    def _facts(self, request: DeliverSecret) -> Iterator[tuple[str, str]]:
        person, unit, wording = request.recipient, request.unit, self._wording
        yield wording.to, f"{person.name}, {person.title}" if person.title else person.name
        yield wording.unit, f"{unit.name} ({unit.code})" if unit else request.account.unit
        yield wording.account, f"{request.account.mail} ({request.account.login})"
        yield wording.sent, self._order(request)

    def _order(self, request: DeliverSecret) -> str:
        """Return what shows the order of messages, as in an SMS."""
        number = f"no. {request.number}"
        return f"{request.at.astimezone(self.zone):%d.%m.%Y %H:%M}, {number}" if request.at else number

    def _advice(self, request: DeliverSecret) -> Iterator[str]:
        if request.replaces_earlier:
            yield self._wording.replaces_earlier
        yield self._wording.advice
        yield self._wording.damaged
        yield f"{self._wording.help_desk}: {self.help_desk}"

    def _shown(self, text: str) -> str:
        """Return a text with a replacement for each character that the font lacks."""
        glyphs = self._sans.face.charToGlyph
        return "".join(sign if sign.isprintable() and ord(sign) in glyphs else MISSING for sign in text)


@attrs.define
class _Sheet:
    """A page that is filled from the top."""

    canvas: Any
    sans: str
    mono: str
    #: The height of the next line.
    height: float

    def skip(self, points: float) -> None:
        self.height -= points

    def paragraph(self, text: str, size: float = SIZE) -> None:
        from reportlab.lib.utils import simpleSplit

        for line in simpleSplit(text, self.sans, size, WIDTH - 2 * MARGIN)[:_MOST_LINES]:
            self._line(line, self.sans, size)
        self.skip(size / 2)

    def aligned(self, text: str) -> None:
        self._line(text, self.mono, SIZE)

    def password(self, secret: Secret) -> None:
        size = min(PASSWORD_SIZE, (WIDTH - 2 * MARGIN) / (_SHARE * len(secret.reveal())))
        self.skip(PASSWORD_SIZE)
        self._line(secret.reveal(), self.mono, size)
        self.skip(SIZE)

    def _line(self, text: str, font: str, size: float) -> None:
        self.canvas.setFont(font, size)
        self.canvas.drawString(MARGIN, self.height, text)
        self.skip(size * 1.3)


def _address(request: DeliverSecret) -> Iterator[str]:
    """Return what can be read through the window of an envelope: nothing secret."""
    yield request.delivery_id[:SHORT_ID]
    yield request.recipient.name
    yield request.unit.name if request.unit else request.account.unit


@cache
def _font(file: Path) -> Any:
    """Return a font, which is known to reportlab afterwards.

    Raises:

        MisconfiguredError: The file can't be read.
    """
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    try:
        font = TTFont(str(file), str(file))
    except (OSError, TTFError):
        raise MisconfiguredError(
            "the font {file} can't be read", cure="install fonts-dejavu-core, or correct 'fonts'", file=file
        ) from None
    registerFont(font)
    return font
