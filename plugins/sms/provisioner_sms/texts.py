"""The text of a message: its content, the characters that a phone can show, and its length.

A short message holds 160 septets of the GSM 7-bit alphabet (3GPP TS 23.038), or 153 in each part if it has several.
The text of a template is folded to that alphabet, so a phone shows "gorusmek" for "görüşmek". This is intended: the
alphabet has no ş, ğ, ı or İ, and a message with one such letter is sent in UCS-2, which holds 70 characters, too few
for any of the texts. A login and a password are never changed: one that does not fit is refused before anything is
sent.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.api.errors import ConfigurationError, RefusedError, SecretRefusedError
from provisioner.core.api.messages import DeliverNotice, DeliverSecret
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner_sms.settings import Settings

#: The characters that take one septet.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà" + string.ascii_letters + string.digits
)
#: The characters that take two.
EXTENDED = frozenset("\f^{}\\[~]|€")

#: All characters of the alphabet.
_SENDABLE = BASIC | EXTENDED

#: How many septets one message holds, and each part of a longer one.
SINGLE, PART = 160, 153

#: The printable ASCII characters that no phone can show in 7 bits.
UNSENDABLE = "".join(sorted(set(string.printable) - set(string.whitespace) - BASIC - EXTENDED))

#: The room that every text must leave for a login, a mail address, a password and the order, in septets.
ROOM = {"mail": 40, "login": 24, "password": 20, "order": len("23:59, no. 99")}

#: After this number, the numbers of messages start again from 1: a text has no room for more digits.
LAST_NUMBER = 99

#: How many texts in several parts a phone can tell apart at once.
REFERENCES = 256

#: Turkish letters lose their marks even where GSM has them, so that a word does not look half translated.
_FOLDS = str.maketrans("çğıöşüÇĞİÖŞÜâîûÂÎÛ‘’“”–—", "cgiosuCGIOSUaiuAIU''\"\"--")  # noqa: RUF001 - what people paste

#: The time zone of a channel for which none is configured.
ZONE = ZoneInfo("Europe/Istanbul")

_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "tr": {
        "first": "{order} {mail} parolanız: {password} - PYS için de geçerli, kimseye söylemeyin. "
        "Giriş sorunu: {help_desk}",
        "replaces_earlier": "{order} {mail} yeni parolanız: {password} - öncekiler geçersizdir. "
        "Giriş yapamazsanız: {help_desk}",
    },
    "en": {
        "first": "{order} {mail} password: {password} - valid for PYS too, tell nobody. No log-in? Call {help_desk}",
        "replaces_earlier": "{order} {mail} new password: {password} - earlier ones are void. "
        "No log-in? Call {help_desk}",
    },
}


def fold(text: str) -> str:
    """Return *text* in the GSM alphabet: without Turkish marks, and with ``?`` for what cannot be written in it."""
    folded = text.translate(_FOLDS)
    return folded if sendable(folded) else "".join(sign if sign in _SENDABLE else _plain(sign) for sign in folded)


def _plain(sign: str) -> str:
    kept = "".join(part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
    return "".join(part if part in _SENDABLE else "?" for part in kept)


def sendable(text: str) -> bool:
    """Tell whether every character of *text* is in the GSM alphabet."""
    return _SENDABLE.issuperset(text)


def septets(text: str) -> int:
    """Return the length of a sendable text as a phone counts it."""
    return len(text) if EXTENDED.isdisjoint(text) else len(text) + sum(sign in EXTENDED for sign in text)


def parts(text: str) -> int:
    """Return how many messages a sendable text takes."""
    return 1 if septets(text) <= SINGLE else sum(1 for _ in pieces(text))


def pieces(text: str) -> Iterator[Secret]:
    """Yield what each message of a sendable text contains. A character of two septets is never split."""
    if septets(text) <= SINGLE:
        yield Secret.around(text)
        return
    begin, free = 0, PART
    for position, sign in enumerate(text):
        width = septets(sign)
        if width > free:
            yield Secret.around(text[begin:position])
            begin, free = position, PART
        free -= width
    yield Secret.around(text[begin:])


def part_header(reference: int, number: int, count: int) -> bytes:
    """Return what a part begins with, so that the phone joins it with the others (3GPP TS 23.040, 9.2.3.24.1).

    Args:

        reference: Tells the parts of this text from those of another one to the same phone.

        number: The number of the part, from 1.

        count: How many parts the text has.
    """
    return bytes((5, 0, 3, reference % REFERENCES, count, number))


def order(number: int, at: datetime | None, zone: ZoneInfo) -> str:
    """Return what shows the order of messages on a phone, in which a later one can arrive first.

    Args:

        number: The number of the message.

        at: When it is sent.

        zone: The time zone of its receiver.
    """
    short = f"no. {(number - 1) % LAST_NUMBER + 1}"
    return f"{at.astimezone(zone):%H:%M}, {short}" if at else short


def notice(request: DeliverNotice, max_parts: int) -> Secret:
    """Return the text of a message without a password as it is sent: the longest that fits.

    Args:

        request: The request with the texts.

        max_parts: How many messages it may take.

    Raises:

        RefusedError: Even the shortest would take more.
    """
    texts = [fold(text) for text in (request.text, *request.shorter)]
    folded = next((text for text in texts if parts(text) <= max_parts), texts[-1])
    if parts(folded) > max_parts:
        raise RefusedError(
            Text.counted(
                "the notice would have {septets} characters and exceed {count} message",
                "the notice would have {septets} characters and exceed {count} messages",
                count=max_parts,
                septets=septets(folded),
            ),
            cure="raise max_notice_parts",
        )
    return Secret.around(folded)


@attrs.frozen(kw_only=True)
class Template:
    """One text with placeholders for the order, the account, the password and the help desk's number."""

    text: str
    help_desk: str
    max_parts: int

    @classmethod
    def prepare(cls, text: str, *, help_desk: str, max_parts: int, place: str) -> Self:
        """Fold a text and check that it can be used.

        Args:

            text: The text as it is configured.

            help_desk: Where people get help (001 ¶8).

            max_parts: How many messages one text may take.

            place: The path of the text in the configuration, for messages.

        Raises:

            ConfigurationError: A placeholder is missing or unknown, a character cannot be sent, or logins and passwords
                of usual length would not fit.
        """
        _verify_places(text, place)
        _verify_signs(text + help_desk, place)
        template = cls(text=fold(text), help_desk=fold(help_desk), max_parts=max_parts)
        longest = template.filled({name: "x" * room for name, room in ROOM.items()})
        if parts(longest) > max_parts:
            raise ConfigurationError(
                Text.counted(
                    "{place}: the text can have {septets} characters and exceed {count} message",
                    "{place}: the text can have {septets} characters and exceed {count} messages",
                    count=max_parts,
                    place=place,
                    septets=septets(longest),
                ),
                cure="shorten the text, or raise max_parts",
            )
        return template

    def compose(self, account: Account, secret: Secret, order: str = "") -> Secret:
        """Return the message with the password of *account*.

        Args:

            account: The account.

            secret: Its password.

            order: What shows the order of messages; see :func:`order`.

        Raises:

            RefusedError: The login cannot be sent as it is, or the message is too long.

            SecretRefusedError: The password cannot be sent as it is.
        """
        if not sendable(account.mail):
            raise RefusedError("the login {mail} contains a character that an SMS cannot contain", mail=account.mail)
        if not _carried(secret.reveal()):
            raise SecretRefusedError(
                "the password contains a character that an SMS cannot contain",
                cure="add a password policy that excludes spaces and all characters outside the GSM 7-bit alphabet",
            )
        places = {"mail": account.mail, "login": account.login, "order": order}
        # No variable holds the password: a traceback can show the variables of each frame.
        text = Secret.around(self.filled({**places, "password": secret.reveal()}))
        if parts(text.reveal()) > self.max_parts:
            raise RefusedError(
                Text.counted(
                    "the message would have {septets} characters and exceed {count} message",
                    "the message would have {septets} characters and exceed {count} messages",
                    count=self.max_parts,
                    septets=septets(text.reveal()),
                ),
                cure="shorten the text, or raise max_parts",
            )
        return text

    def filled(self, values: Mapping[str, str]) -> str:
        """Fill the placeholders, each value as it is. Without a placeholder, the order comes first."""
        place = values.get("order", "")
        text = self.text.format(help_desk=self.help_desk, **{**values, "order": place})
        return text if "{order}" in self.text or not place else f"{place} {text}"


@attrs.frozen
class Templates:
    """The texts of one channel."""

    first: Template
    replaces_earlier: Template
    #: The time zone of the times in the texts.
    zone: ZoneInfo

    @classmethod
    def of(cls, settings: Settings, language: str, place: str, zone: ZoneInfo = ZONE) -> Self:
        """Return the templates of a channel: its own, and those of *language* where it has none.

        Args:

            settings: The channel's.

            language: ``tr`` or ``en``.

            place: The path of the settings in the configuration, for messages.

            zone: The time zone of the times in the texts.

        Raises:

            ConfigurationError: One of them cannot be used.
        """

        def template(name: str) -> Template:
            return Template.prepare(
                getattr(settings.texts, name) or _DEFAULTS[language][name],
                help_desk=settings.help_desk,
                max_parts=settings.max_parts,
                place=f"{place}.texts.{name}",
            )

        return cls(template("first"), template("replaces_earlier"), zone)

    def compose(self, request: DeliverSecret) -> Secret:
        """Return the message that a request asks for; see :meth:`Template.compose`."""
        template = self.replaces_earlier if request.replaces_earlier else self.first
        return template.compose(request.account, request.secret, order(request.number, request.at, self.zone))


def _carried(password: str) -> bool:
    return sendable(password) and password.isprintable() and " " not in password


def _verify_places(text: str, place: str) -> None:
    try:
        places = {_written(*field[1:]) for field in string.Formatter().parse(text) if field[1] is not None}
    except ValueError as error:
        raise ConfigurationError("{place}: the placeholders are invalid: {error}", place=place, error=error) from None
    if unknown := places - ROOM.keys() - {"help_desk"}:
        raise ConfigurationError(
            "{place}: a text can contain only the placeholders {{order}}, {{mail}}, {{login}}, {{password}} and "
            "{{help_desk}}",
            cure="remove {unknown}",
            place=place,
            unknown=", ".join(f"{{{name}}}" for name in sorted(unknown)),
        )
    if "password" not in places or not {"mail", "login"} & places:
        raise ConfigurationError(
            "{place}: a text needs {{password}}, and {{mail}} or {{login}} to identify the account",
            place=place,
        )
    if "{password}" not in text.split():
        raise ConfigurationError(
            "{place}: put a space before and after {{password}}",
            cure="readers take a character next to a password for a part of it",
            place=place,
        )


def _written(name: str | None, form: str | None, conversion: str | None) -> str:
    return f"{name}{'!' if conversion else ''}{conversion or ''}{':' if form else ''}{form or ''}"


def _verify_signs(text: str, place: str) -> None:
    unsendable = sorted({sign for sign in text if sign != "?" and "?" in fold(sign)})
    if unsendable:
        raise ConfigurationError(
            "{place}: {signs} cannot be sent in an SMS", place=place, signs=" ".join(map(repr, unsendable))
        )
