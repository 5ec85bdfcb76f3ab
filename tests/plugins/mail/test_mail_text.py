"""What a mail looks like, also if somebody tries to write its headers."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest

from provisioner import Person
from provisioner.core.api.messages import DeliverNotice
from provisioner_mail.mail_text import compose

TEXT = "Ayşe'nin şifresi doluyor\r\nBcc: everybody@example.gov.tr\n\n.\n."


def make(text: str = TEXT, recipient: str = "ayse@example.gov.tr", subject: str = "Hesaplarınız") -> bytes:
    person = Person(id="1", name="Ayşe", mobile=None)
    request = DeliverNotice(delivery_id="notice-1", recipient=person, text=text, shorter=("short",))
    return compose(request, sender="notices@example.gov.tr", recipient=recipient, subject=subject)


def test_it_has_the_id_of_the_notice_and_asks_for_no_answer() -> None:
    mail = message_from_bytes(make(), policy=default)

    assert mail["Message-ID"] == "<notice-1@example.gov.tr>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "notices@example.gov.tr",
        "ayse@example.gov.tr",
        "Hesaplarınız",
    )
    assert mail["Date"]


def test_the_text_is_whole_and_no_header() -> None:
    mail = message_from_bytes(make(), policy=default)

    assert mail["Bcc"] is None
    assert mail.get_content().splitlines() == TEXT.splitlines()


@pytest.mark.parametrize("hostile", ["a@b.tr\r\nBcc: c@d.tr", "a@b.tr\nBcc: c@d.tr"])
def test_no_value_can_add_a_header(hostile: str) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        make(recipient=hostile)
    with pytest.raises(ValueError, match="linefeed"):
        make(subject=hostile)


def test_lines_end_as_the_protocol_wants() -> None:
    mail = make()

    assert mail.endswith(b"\r\n")
    assert b"\n" not in mail.replace(b"\r\n", b"")
