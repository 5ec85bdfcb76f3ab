"""Letters that another program has damaged are refused or named, and Turkish text is left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.api.errors import InputError
from provisioner.manifest import Manifest, read_persons
from provisioner.manifest.damage import objection, suspicion

NAMES = ["Ayşe Işık", "İsmail Çağlar", "Gül Öz", "Şükrü Üçüncüoğlu", "Kâmil Âkif", "IĞDIR İL MİLLÎ EĞİTİM"]


@pytest.mark.parametrize("read_as", ["cp1252", "latin-1", "mac_roman"])
@pytest.mark.parametrize("name", NAMES)
def test_utf_8_that_was_read_as_something_else_is_named(name: str, read_as: str) -> None:
    data = name.encode()
    damaged = "".join(bytes([byte]).decode(read_as, "ignore") or chr(byte) for byte in data)

    assert suspicion(damaged), damaged


@pytest.mark.parametrize(
    "name", ["Ayþe Iþýk", "Öðretmen Evi", "Ýsmail", "Ay§e", "Çaðlar", "Ay?e", "?smail ?ahin", "I??k"]
)
def test_letters_of_other_encodings_and_question_marks_are_named(name: str) -> None:
    assert suspicion(name)


@pytest.mark.parametrize(
    "name",
    [
        *NAMES,
        "AR-GE & Strateji (Bütçe) / 46",
        "Kahramanmaraş’ın “Onikişubat” İlçesi – Müdürlük…",
        "Åsa Ångström",
        "Café Müdürlüğü",
        "Elektrik·Elektronik",
        "ULEMÂ’NIN KONAĞI",
        "Hazır mı?",
    ],
)
def test_names_as_people_write_them_are_not_suspected(name: str) -> None:
    assert objection(name) is None
    assert suspicion(name) is None


@given(st.text(alphabet="abcçdefgğhıijklmnoöprsştuüvyzABCÇDEFGĞHIİJKLMNOÖPRSŞTUÜVYZâîûÂÎÛ .,'’()-&/0123456789"))
def test_no_turkish_text_is_suspected(text: str) -> None:
    assert suspicion(text) is None


@pytest.mark.parametrize("value", ["Ay\ufffde", "\ufffd", "#REF!", "#N/A", "#DEĞER!", "#YOK", "########"])
def test_a_lost_letter_and_an_error_value_are_refused(value: str) -> None:
    assert objection(value)


class TestInFiles:
    """What the reader of a list is told."""

    @pytest.fixture(name="file")
    def _file(self, tmp_path: Path) -> Path:
        return tmp_path / "people.csv"

    def _read(self, file: Path, content: bytes) -> Manifest[object]:
        file.write_bytes(content)
        return read_persons(file)  # type: ignore[return-value]

    def test_a_replacement_character_is_refused_with_its_line(self, file: Path) -> None:
        with pytest.raises(InputError) as caught:
            self._read(file, "id,name\n1,Ayşe\n2,Ay\ufffde\n".encode())

        assert [(problem.line, problem.field) for problem in caught.value.problems] == [(3, "name")]

    def test_what_looks_damaged_is_read_with_a_warning_and_its_line(self, file: Path) -> None:
        manifest = self._read(file, "id,name,title\n1,Ayşe,Şef\n2,AyÅŸe,Åžef\n3,Ay?e,\n".encode())

        assert [(warning.line, warning.field) for warning in manifest.warnings] == [
            (3, "name"),
            (3, "title"),
            (4, "name"),
        ]
        assert len(manifest.items) == 3

    @pytest.mark.parametrize("name", NAMES)
    def test_macintosh_turkish_is_read_and_named(self, file: Path, name: str) -> None:
        content = f"id;name\n1;{name}\n2;Gülşah Işıl Öğüt\n"
        manifest = self._read(file, content.encode("mac_turkish"))

        assert [getattr(one, "name", None) for one in manifest.items] == [name, "Gülşah Işıl Öğüt"]
        assert "mac_turkish" in str(manifest.warnings[0].message)
        assert self._read(file, content.encode("cp1254")).warnings == []

    @pytest.mark.parametrize("name", ["Kadir Ünlü", "ÜMİT ŞEN", "Işıl", "Öz", "Çağ"])
    def test_windows_turkish_is_not_taken_for_it(self, file: Path, name: str) -> None:
        manifest = self._read(file, f"id,name\n1,{name}\n".encode("cp1254"))

        assert [getattr(one, "name", None) for one in manifest.items] == [name]
        assert manifest.warnings == []
