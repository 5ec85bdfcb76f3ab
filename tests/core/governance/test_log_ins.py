"""What the audit log says of log-ins."""

from __future__ import annotations

from provisioner.core.governance.log_ins import LoggedIn, LoggedOut, LogInDenied, NumberShown


def test_names_in_the_audit_log_stay() -> None:
    kinds = [event.kind for event in (LoggedIn, LogInDenied, LoggedOut, NumberShown)]

    assert kinds == ["logged_in", "log_in_denied", "logged_out", "number_shown"]
