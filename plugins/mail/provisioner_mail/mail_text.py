"""Writes the mail of a notice."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from provisioner.core.api.messages import DeliverNotice


def compose(request: DeliverNotice, *, sender: str, recipient: str, subject: str) -> bytes:
    """Return a mail as it is sent.

    Args:

        request: The notice. The ID of the message is that of the notice, so that two copies are recognized as one.

        sender: The address from which it comes.

        recipient: The address to which it goes.

        subject: Its subject.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{request.delivery_id}@{sender.rpartition('@')[2]}>"
    # Vacation programs don't answer it (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{request.text}\n", charset="utf-8")
    return mail.as_bytes()
