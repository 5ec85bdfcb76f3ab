"""How people log in."""

from __future__ import annotations

from provisioner.core.model.log_ins import LogInWay


def test_only_a_proxy_names_the_person_with_every_request() -> None:
    assert [way for way in LogInWay if way.names_person] == [LogInWay.PROXY]
