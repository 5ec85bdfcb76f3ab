from __future__ import annotations

import importlib.util
import logging
import sys

import pytest
import structlog

from provisioner.cli import logs
from provisioner.core.model.masking import guard_logs
from provisioner.core.model.secret import Secret


class TestRedaction:
    """What must not be in the log, even with ``-v``."""

    def test_masks_secrets_and_what_is_called_like_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.set_up(verbose=True)
        structlog.stdlib.get_logger("x").info(
            "sent", value=Secret("geheim-1"), api_key="geheim-2", Authorization="geheim-3"
        )

        err = capsys.readouterr().err
        assert "event='sent'" in err
        assert "geheim" not in err

    def test_leaves_the_class_of_an_exception_only(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A foreign library may log an exception whose text quotes what it was sent."""
        logs.set_up(verbose=True)
        try:
            int("held-by-nobody-1")
        except ValueError:
            logging.getLogger("foreign").exception("it failed")
            structlog.stdlib.get_logger("ours").exception("ours failed")

        err = capsys.readouterr().err
        assert err.count("error='ValueError'") == 2
        assert "held-by-nobody" not in err

    def test_leaves_the_class_of_an_exception_whose_text_has_a_secret(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Without it, nobody could tell what went wrong."""
        secret = Secret("Kx7!mPq2?vRt9")
        guard_logs()
        logs.set_up(verbose=True)
        try:
            int(f"held by {secret.reveal()}")
        except ValueError as error:
            logging.getLogger("foreign").exception("it failed")
            logging.getLogger("foreign").warning("it failed", exc_info=error)
            structlog.stdlib.get_logger("ours").exception("ours failed")
            structlog.stdlib.get_logger("ours").warning("ours failed", exc_info=error)

        err = capsys.readouterr().err
        assert err.count("error='ValueError'") == 4
        assert "Kx7" not in err

    @pytest.mark.parametrize("name", ["httpcore.http11", "httpx", "ldap3"])
    def test_keeps_libraries_quiet_that_log_what_they_send(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        logs.set_up(verbose=True)
        logging.getLogger(name).debug("send_request_headers %s", "geheim-1")
        logging.getLogger(name).info("send_request_headers %s", "geheim-1")

        assert capsys.readouterr().err == ""


class TestAbsent:
    """Keeping a library from importing what it could do without."""

    def test_lets_an_import_fail_and_the_next_one_succeed(self) -> None:
        sys.modules.pop("this", None)

        with logs.absent("this"), pytest.raises(ImportError):
            importlib.import_module("this")

        assert importlib.util.find_spec("this")
        assert "this" not in sys.modules

    def test_leaves_what_is_imported_already(self) -> None:
        with logs.absent("sys"):
            assert importlib.import_module("sys") is sys

        assert sys.modules["sys"] is sys


class TestLevels:
    """How much is logged."""

    def test_verbose_shows_the_standard_librarys_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.set_up(verbose=True)
        logging.getLogger("foreign").debug("something %s", "small")

        assert "event='something small'" in capsys.readouterr().err

    def test_otherwise_there_are_warnings_only(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.set_up(verbose=False)
        structlog.stdlib.get_logger("x").info("quiet")
        structlog.stdlib.get_logger("x").warning("loud")

        err = capsys.readouterr().err
        assert "loud" in err
        assert "quiet" not in err
