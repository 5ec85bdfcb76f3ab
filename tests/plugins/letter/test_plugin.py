"""A letter says what its owner needs, and only its owner or the printer can read it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import (
    ConfigurationError,
    MisconfiguredError,
    RefusedError,
    SecretRefusedError,
    TargetError,
    UnavailableError,
)
from provisioner.core.api.messages import CheckChannel, DeliverSecret, DeliveryState, ProbeDelivery
from provisioner.core.api.registration import PluginSettings
from provisioner.core.model import Account, Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner.services.parts import plugins_only
from provisioner_letter import plugin
from provisioner_letter.outbox import Outbox
from provisioner_letter.plugin import LetterChannel
from tests.plugins.letter.letters import NOW, AgeReader, CertificateReader, Reader, made, section

OWNER = Person(id="4600120", name="Işıl Çağrı Öğüşlü", unit="46", title="Müdür Yardımcısı", mobile="beş yüz")
UNIT = Unit(code="46", name="Şehit İğdır Ortaokulu", kind="school")
ACCOUNT = Account(login="iğdir46", domain="meb.gov.tr", unit="46", holder=OWNER.id)
PASSWORD = "kR7-0Oo1lI-xQ"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    (tmp_path / "outbox").mkdir()
    (tmp_path / "keys").mkdir()
    return tmp_path


@pytest.fixture(name="reader")
def _reader(folder: Path) -> Reader:
    reader = AgeReader()
    reader.write(folder / "keys" / "persons" / OWNER.id)
    return reader


def request(secret: str = PASSWORD, delivery: str = "11111111-2222") -> DeliverSecret:
    return DeliverSecret(
        operation_id="o",
        delivery_id=delivery,
        account=ACCOUNT,
        recipient=OWNER,
        secret=Secret(secret),
        number=2,
        at=datetime(2026, 11, 29, 11, 5, tzinfo=UTC),
        unit=UNIT,
    )


def reason(channel: LetterChannel, person: Person = OWNER) -> str:
    found = channel.channel_check(CheckChannel(recipients=(person,))).unreachable
    return str(found.get(person.id, ""))


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("tr", ["Kime: Işıl Çağrı Öğüşlü, Müdür Yardımcısı", "Birim: Şehit İğdır Ortaokulu (46)", "0 sıfır rakamı"]),
        ("en", ["To: Işıl Çağrı Öğüşlü, Müdür Yardımcısı", "Unit: Şehit İğdır Ortaokulu (46)", "0 digit zero"]),
    ],
)
def test_a_letter_lacks_what_its_owner_needs(folder: Path, reader: Reader, language: str, sentences: list[str]) -> None:
    channel = made(folder, keys="keys", language=language)

    receipt = channel.secret_deliver(request())

    text = reader.text(channel.outbox, "11111111-2222")
    assert receipt.state is DeliveryState.ACCEPTED
    assert receipt.will_report
    found = [sentence for sentence in (*sentences, "29.11.2026 14:05, no. 2", "0344 000 00 00") if sentence in text]
    assert found == [*sentences, "29.11.2026 14:05, no. 2", "0344 000 00 00"]
    assert PASSWORD in text.splitlines()


def test_an_earlier_password_is_taken_for_valid(folder: Path, reader: Reader) -> None:
    channel = made(folder, keys="keys")

    channel.secret_deliver(attrs.evolve(request(), replaces_earlier=True))

    assert "Daha önce gönderilen parolalar geçersizdir." in reader.text(channel.outbox, "11111111-2222")


def test_a_repeated_letter_keeps_the_former_password(folder: Path, reader: Reader) -> None:
    channel = made(folder, keys="keys")
    channel.secret_deliver(request("first-kR7x"))

    channel.secret_deliver(request("second-kR7x"))

    assert "second-kR7x" in reader.text(channel.outbox, "11111111-2222")
    assert len(list((folder / "outbox").iterdir())) == 1


def test_a_letter_can_be_read_by_others_or_tells_its_owner_by_its_name(folder: Path, reader: Reader) -> None:
    channel = made(folder, keys="keys")
    channel.secret_deliver(request())

    [file] = (folder / "outbox").iterdir()

    assert file.name == "11111111-2222.pdf.age"
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Exception, match="No matching keys"):
        AgeReader().opened(file.read_bytes())


def test_the_letter_is_for_the_unit_although_the_person_has_a_key(folder: Path, reader: Reader) -> None:
    AgeReader().write(folder / "keys" / "units" / "46")
    channel = made(folder, keys="keys")

    channel.secret_deliver(request())

    assert PASSWORD in reader.text(channel.outbox, "11111111-2222")


def test_a_person_without_a_key_cannot_use_that_of_the_unit(folder: Path) -> None:
    reader = AgeReader()
    reader.write(folder / "keys" / "units" / "46")
    channel = made(folder, keys="keys")

    channel.secret_deliver(request())

    assert PASSWORD in reader.text(channel.outbox, "11111111-2222")


def lose_the_key(persons: Path) -> None:
    (persons / f"{OWNER.id}.pub").symlink_to("/nowhere/key.pub")


def lose_the_certificate(persons: Path) -> None:
    (persons / f"{OWNER.id}.pem").symlink_to("/nowhere/key.pem")


def lose_the_folder(persons: Path) -> None:
    persons.rmdir()
    persons.symlink_to("/nowhere/persons")


def mount_nothing(persons: Path) -> None:
    """A mount point on which nothing is mounted is an empty folder."""


def loop(persons: Path) -> None:
    (persons / f"{OWNER.id}.pub").symlink_to(persons / f"{OWNER.id}.pub")


def put_a_file_there(persons: Path) -> None:
    persons.rmdir()
    persons.write_text("")


@pytest.mark.parametrize(
    "lose", [lose_the_key, lose_the_certificate, lose_the_folder, mount_nothing, loop, put_a_file_there]
)
def test_a_key_that_is_out_of_reach_lets_the_unit_read_the_password(folder: Path, lose: Callable[[Path], None]) -> None:
    persons = folder / "keys" / "persons"
    persons.mkdir()
    lose(persons)
    AgeReader().write(folder / "keys" / "units" / "46")
    channel = made(folder, keys="keys")

    with pytest.raises(TargetError, match=str(persons)):
        channel.secret_deliver(request())
    with suppress(MisconfiguredError):
        assert str(persons) in reason(channel)
    assert list((folder / "outbox").iterdir()) == []


def test_a_folder_that_may_not_be_read_lets_the_unit_read_the_password(
    folder: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    AgeReader().write(folder / "keys" / "units" / "46")
    look = Path.lstat

    def refuse(path: Path) -> Any:
        if path.parent.name == "persons":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "lstat", refuse)

    with pytest.raises(MisconfiguredError, match="Permission denied"):
        made(folder, keys="keys").secret_deliver(request())


def test_the_key_of_a_unit_above_opens_the_letter(folder: Path) -> None:
    AgeReader().write(folder / "keys" / "units" / "il")
    channel = made(folder, keys="keys")

    with pytest.raises(RefusedError, match="no public key"):
        channel.secret_deliver(request())


@pytest.mark.parametrize("mobile", [None, "0344 223", "532123456.0"])
def test_a_number_that_no_phone_has_keeps_a_letter_back(folder: Path, reader: Reader, mobile: str | None) -> None:
    person = attrs.evolve(OWNER, mobile=mobile)
    with closing(plugins_only(dry_run=False)) as plugins:
        plugins.load([PluginSettings(plugin="letter", channels=(section(folder, keys="keys"),))])
        channel = plugins.channels["letter"]

        assert channel.check(CheckChannel(recipients=(person,))).unreachable == {}
        channel.deliver(attrs.evolve(request(), recipient=person))

    assert PASSWORD in reader.text(Outbox(folder / "outbox"), "11111111-2222")


def test_missing_libraries_are_found_by_the_first_letter(
    folder: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "LIBRARIES", ("nobody_has_this",))
    with closing(plugins_only(dry_run=False)) as plugins, pytest.raises(ConfigurationError, match="nobody_has_this"):
        plugins.load([PluginSettings(plugin="letter", channels=(section(folder, keys="keys"),))])


@pytest.mark.parametrize("pattern", ["persons", f"persons/{OWNER.id}.*"])
def test_a_key_that_others_can_replace_is_used_without_a_warning(folder: Path, reader: Reader, pattern: str) -> None:
    channel = made(folder, keys="keys")
    assert channel.channel_check(CheckChannel()).warnings == ()
    [place] = (folder / "keys").glob(pattern)
    place.chmod(0o770)

    [warning] = channel.channel_check(CheckChannel()).warnings

    assert f"{place}," in str(warning)


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (CertificateReader.make(end=NOW - timedelta(days=1)), "expired on"),
        (CertificateReader.make(end=NOW + timedelta(days=500)), "valid from"),
        (CertificateReader.make(bits=1024), "has 1024 bits"),
        (CertificateReader.make(encrypts=False), "not for encryption"),
    ],
    ids=["expired", "early", "weak", "signing"],
)
def test_an_unusable_certificate_is_used(folder: Path, certificate: CertificateReader, expected: str) -> None:
    certificate.write(folder / "keys" / "persons" / OWNER.id)
    channel = made(folder, keys="keys")

    assert expected in reason(channel)
    with pytest.raises(RefusedError, match=expected):
        channel.secret_deliver(request())


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("pub", "AGE-SECRET-KEY-1\n", "no public key of age"),
        ("pub", "# nothing\n", "no public key"),
        ("pem", "-----BEGIN NOTHING-----", "no certificate"),
        ("pub", "\udcff", "can't be read"),
    ],
)
def test_a_damaged_key_is_taken_for_an_absent_one(folder: Path, name: str, content: str, expected: str) -> None:
    (folder / "keys" / "persons").mkdir()
    (folder / "keys" / "persons" / f"{OWNER.id}.{name}").write_bytes(content.encode("utf-8", "surrogateescape"))

    assert expected in reason(made(folder, keys="keys"))


def test_a_key_with_a_wrong_name_is_ignored_without_a_warning(folder: Path, reader: Reader) -> None:
    wrong = folder / "keys" / "persons" / "460013.crt"
    wrong.write_text("")

    [warning] = made(folder, keys="keys").channel_check(CheckChannel()).warnings

    assert str(wrong) in str(warning)


def test_one_of_two_keys_is_chosen(folder: Path, reader: Reader) -> None:
    (folder / "keys" / "persons" / f"{OWNER.id}.pem").write_text("")

    assert "two keys" in reason(made(folder, keys="keys"))


def test_a_printer_with_an_expired_key_fails_after_the_accounts_changed(folder: Path) -> None:
    CertificateReader.make(end=NOW - timedelta(days=1)).write(folder / "printer")
    channel = made(folder, printer_key="printer.pem")

    with pytest.raises(MisconfiguredError, match="expired on"):
        channel.channel_check(CheckChannel())


def test_a_printer_key_expires_without_a_warning(folder: Path) -> None:
    CertificateReader.make(end=NOW + timedelta(days=10)).write(folder / "printer")

    [warning] = made(folder, printer_key="printer.pem").channel_check(CheckChannel()).warnings

    assert isinstance(warning, Text)
    assert "expires on" in str(warning)


def test_a_printer_can_print_only_for_people_with_keys(folder: Path) -> None:
    reader = CertificateReader.make()
    reader.write(folder / "printer")
    channel = made(folder, printer_key="printer.pem")

    channel.secret_deliver(request())

    assert reason(channel) == ""
    assert PASSWORD in reader.text(channel.outbox, "11111111-2222")
    assert channel.delivery_probe(ProbeDelivery(delivery_id="11111111-2222")).state is DeliveryState.ACCEPTED


def test_a_missing_outbox_is_made_where_nothing_is_mounted(folder: Path, reader: Reader) -> None:
    channel = made(folder, keys="keys", outbox="share")

    with pytest.raises(UnavailableError):
        channel.secret_deliver(request())

    assert not (folder / "share").exists()


def test_missing_fonts_are_found_by_the_first_letter(folder: Path, reader: Reader) -> None:
    channel = made(folder, keys="keys", fonts="nowhere")

    with pytest.raises(MisconfiguredError, match="DejaVuSans"):
        channel.channel_check(CheckChannel())


@pytest.mark.parametrize("password", ["a b", "x" * 65, "漢字漢字", "a\x00b"])
def test_a_password_is_printed_otherwise_than_it_is(folder: Path, reader: Reader, password: str) -> None:
    with pytest.raises(SecretRefusedError):
        made(folder, keys="keys").secret_deliver(request(password))


def test_the_longest_password_leaves_the_page(folder: Path, reader: Reader) -> None:
    channel, password = made(folder, keys="keys"), "Wm" * 32

    channel.secret_deliver(request(password))

    assert password in reader.text(channel.outbox, "11111111-2222").splitlines()


def test_a_name_that_no_font_has_stops_the_letter(folder: Path, reader: Reader) -> None:
    channel = made(folder, keys="keys")
    person = attrs.evolve(OWNER, name="Ayşe \N{CJK UNIFIED IDEOGRAPH-6F22}\n" * 50)

    channel.secret_deliver(attrs.evolve(request(), recipient=person))

    assert PASSWORD in reader.text(channel.outbox, "11111111-2222")


@pytest.mark.parametrize("table", [{}, {"keys": "keys", "printer_key": "printer.pem"}])
def test_it_is_unclear_to_whom_letters_are_encrypted(folder: Path, table: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="set either"):
        made(folder, **table)


def test_letters_of_several_threads_take_each_others_characters(folder: Path, reader: Reader) -> None:
    channel, switching = made(folder, keys="keys"), sys.getswitchinterval()
    requests = [request(f"{chr(0x21 + number)}{chr(0xC0 + number)}Kx", f"id-{number}") for number in range(40)]
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(channel.secret_deliver, requests))
    finally:
        sys.setswitchinterval(switching)

    texts = [reader.text(channel.outbox, one.delivery_id).splitlines() for one in requests]
    assert all(one.secret.reveal() in text for one, text in zip(requests, texts, strict=True))
