"""The configuration of Kannel in the README runs as it stands, and keeps what it says."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.core.api.messages import CheckChannel
from provisioner.testing.kannel import ConfiguredKannel, wait_until
from tests.plugins.sms import kannel_sample
from tests.plugins.sms.kannel_sample import KannelOffice, blocks, passwords_in
from tests.smpp_operator import Ids, SmppOperator

NUMBER = "+905321234567"

pytestmark = pytest.mark.server("kannel")


@pytest.fixture(name="operator")
def _operator() -> Iterator[SmppOperator]:
    with SmppOperator.running() as operator:
        yield operator


@pytest.fixture(name="kannel")
def _kannel(operator: SmppOperator, tmp_path: Path) -> Iterator[ConfiguredKannel]:
    with kannel_sample.running(operator, tmp_path) as kannel:
        yield kannel


@pytest.fixture(name="office")
def _office(kannel: ConfiguredKannel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KannelOffice]:
    folder = tmp_path_factory.mktemp("office")
    with KannelOffice.at_work(folder=folder, kannel=kannel, numbers=[NUMBER]) as office:
        yield office


def places(kannel: ConfiguredKannel, *texts: str) -> list[str]:
    """Return the files of Kannel that contain one of these texts."""
    return [name for name, content in kannel.files().items() if any(text.encode() in content for text in texts)]


def test_the_sample_does_not_send_or_report(operator: SmppOperator, office: KannelOffice) -> None:
    office.open()
    wait_until(lambda: office.states("birim0") == ["delivered"])

    passwords = passwords_in(operator.phone(NUMBER))
    assert office.opening("birim0", passwords) == passwords
    assert len(passwords) == 1


def test_a_check_finds_fault_with_the_sample(
    kannel: ConfiguredKannel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("office")
    table = kannel.settings()
    table["kannel"]["status_url"] = kannel.status_url
    with KannelOffice.at_work(folder=folder, kannel=kannel, numbers=[NUMBER], table=table) as office:
        [channel] = office.harness.engine.context.channels

        assert channel.check(CheckChannel(recipients=())).warnings == ()


def test_a_file_of_the_sample_keeps_a_password(
    operator: SmppOperator, kannel: ConfiguredKannel, office: KannelOffice
) -> None:
    office.open()
    wait_until(lambda: office.states("birim0") == ["delivered"])
    secrets = [*passwords_in(operator.phone(NUMBER)), kannel.password, operator.password + "\0"]
    running = places(kannel, *secrets)
    kannel.stop()

    assert (running, places(kannel, *secrets)) == ([], [])


def test_the_spool_of_the_sample_is_readable_to_others(
    operator: SmppOperator, kannel: ConfiguredKannel, office: KannelOffice
) -> None:
    """Only what waits is there, in files that nobody else can read."""
    spool = kannel.folder / "spool"
    with operator.unreachable():
        office.open()
        [waiting] = [file for file in spool.rglob("*") if file.is_file()]
        modes = [path.stat().st_mode & 0o777 for path in (spool, waiting.parent, waiting)]
        content = waiting.read_bytes()
        found = places(kannel, "password: ")
    kannel.stop()
    kannel.start()
    wait_until(lambda: office.states("birim0") == ["delivered"], patience=30)

    assert modes == [0o700, 0o700, 0o600]
    assert found == [waiting.name]
    assert passwords_in(operator.phone(NUMBER))[0].encode() in content
    assert not waiting.exists()


def test_the_ids_of_the_sample_are_not_those_of_other_operators(tmp_path: Path) -> None:
    """The commented line of the README is for operators that write IDs in two ways."""
    with SmppOperator.running(ids=Ids.DECIMAL_IN_REPORTS) as operator:
        folder, home = tmp_path / "kannel", tmp_path / "office"
        folder.mkdir()
        home.mkdir()
        with (
            kannel_sample.running(operator, folder, {"msg-id-type": "0x01"}) as kannel,
            KannelOffice.at_work(folder=home, kannel=kannel, numbers=[NUMBER]) as office,
        ):
            office.open()
            wait_until(lambda: office.states("birim0") == ["delivered"])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("name", ["kannel-bearerbox.service", "kannel-smsbox.service"])
def test_systemd_does_not_understand_the_services(tmp_path: Path, name: str) -> None:
    for block in blocks("ini"):
        if block.startswith("# /etc/systemd/system/"):
            file = tmp_path / Path(block.splitlines()[0]).name
            file.write_text(block, encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (verified.returncode, verified.stderr) == (0, "")
