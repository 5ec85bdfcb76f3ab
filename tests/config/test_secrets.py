from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from provisioner.config.secrets import find
from provisioner.core.api.errors import ConfigurationError


class TestFind:
    """Where secrets are, and what is said when they are not there."""

    def test_in_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LDAP_PASSWORD", "geheim-1")

        assert find("env:LDAP_PASSWORD", tmp_path).reveal() == "geheim-1"

    @pytest.mark.parametrize("content", ["geheim-1", "geheim-1\n", "  geheim-1  \r\nsecond line\n"])
    def test_in_the_first_line_of_a_file(self, tmp_path: Path, content: str) -> None:
        """Editors end files with a newline, which is no part of the secret."""
        (tmp_path / "password").write_text(content)

        assert find("file:password", tmp_path).reveal() == "geheim-1"

    def test_in_a_file_anywhere(self, tmp_path: Path) -> None:
        (tmp_path / "password").write_text("geheim-1")

        assert find(f"file:{tmp_path / 'password'}", Path("/")).reveal() == "geheim-1"

    def test_in_the_key_ring(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ring = ModuleType("keyring")
        ring.get_password = lambda service, user: f"{user}@{service}"  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "keyring", ring)

        assert find("keyring:ldap/admin", tmp_path).reveal() == "admin@ldap"

    def test_in_plain_text_for_tests(self, tmp_path: Path) -> None:
        assert find("plain:a:b", tmp_path).reveal() == "a:b"

    @pytest.mark.parametrize("reference", ["geheim-1", "geheim:1", ":geheim-1", ""])
    def test_something_else_is_refused_and_not_quoted(self, tmp_path: Path, reference: str) -> None:
        """Somebody may have put the password itself there."""
        with pytest.raises(ConfigurationError, match="give the secret by reference") as caught:
            find(reference, tmp_path)

        assert "geheim" not in f"{caught.value} {caught.value.cure}"

    @pytest.mark.parametrize("reference", ["env:NO_SUCH_VARIABLE", "file:empty", "plain:"])
    def test_nothing_is_refused(self, tmp_path: Path, reference: str) -> None:
        """An empty password binds anonymously at some directories."""
        (tmp_path / "empty").write_text("\n")

        with pytest.raises(ConfigurationError, match=f"{reference} is empty"):
            find(reference, tmp_path)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"/none with a secret cannot be read: No such file"):
            find("file:none", tmp_path)

    def test_a_file_that_is_no_text_is_not_quoted(self, tmp_path: Path) -> None:
        (tmp_path / "password").write_bytes(b"\xff\xfegeheim")

        with pytest.raises(ConfigurationError) as caught:
            find("file:password", tmp_path)

        assert str(caught.value).endswith("it is not UTF-8 text")
        assert "geheim" not in str(caught.value)

    def test_a_missing_key_ring_names_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "keyring", None)

        with pytest.raises(ConfigurationError) as caught:
            find("keyring:ldap/admin", tmp_path)

        assert "unit-provisioner[keyring]" in str(caught.value.cure)
