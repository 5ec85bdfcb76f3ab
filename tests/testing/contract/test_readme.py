"""The README beside the contract says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioner.testing import contract
from provisioner.testing.contract import ChannelContract, RuleContract, SessionsContract, TargetContract
from provisioner.testing.contract.listing import checks, fixtures, tables
from provisioner.testing.contract.results import Verdict
from provisioner.testing.contract.running import run
from provisioner.testing.contract.tags import MEANINGS

README = Path(contract.__file__).with_name("README.md").read_text()
CONTRACTS = [TargetContract, SessionsContract, ChannelContract, RuleContract]


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_check_and_fixture_is_listed(kind: type) -> None:
    """What ``tables`` of provisioner.testing.contract.listing returns is what stands there."""
    _, _, section = README.partition(f"`{kind.__name__}`\n\n")

    assert section.partition("\n\n## ")[0].strip() == tables(kind)


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_check_says_what_it_checks_and_why(kind: type) -> None:
    for check in checks(kind):
        assert len(check.summary) > 20, check.name
        assert check.summary.endswith("."), check.name
    assert all(fixtures(kind).values())


def test_every_tag_is_explained() -> None:
    told = dict(re.findall(r"pytest -m (\w+) +# (.+)", README))

    assert told == {tag.value: meaning for tag, meaning in MEANINGS.items()}


def test_the_example_is_green(tmp_path: Path) -> None:
    [example, *_] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "test_example.py"
    file.write_text(example)

    verdicts = {result.verdict for result in run(file)}

    assert verdicts == {Verdict.OK, Verdict.SKIPPED}
