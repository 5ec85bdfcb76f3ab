"""What is encoded here is what ldap3 encodes, byte by byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ldap3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.add import add_operation
from ldap3.operation.bind import bind_operation
from ldap3.operation.extended import extended_operation
from ldap3.operation.search import search_operation
from ldap3.protocol.controls import build_control
from ldap3.protocol.rfc3062 import PasswdModifyRequestValue
from ldap3.protocol.rfc4511 import Controls, LDAPMessage, MessageID, ProtocolOp
from ldap3.utils.asn1 import encode

from provisioner_ldap import requests
from provisioner_ldap.entry import Control
from provisioner_ldap.ppolicy import OID, PASSWORD_MODIFY

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
WORDS = st.from_regex(r"[A-Za-z][A-Za-z0-9;-]{0,40}", fullmatch=True)
#: Their lengths are around those that need one octet more.
VALUES = st.one_of(st.binary(max_size=300), st.sampled_from([b"x" * length for length in (127, 128, 255, 256, 65536)]))
NUMBERS = st.integers(min_value=1, max_value=2**31 - 1)
CONTROLS = st.lists(st.tuples(st.sampled_from([OID, "1.2.840.113556.1.4.319"]), st.none() | VALUES), max_size=2)


def by_ldap3(number: int, name: str, operation: Any, controls: Sequence[Control] = ()) -> bytes:
    """Return a message as ldap3 encodes it."""
    message = LDAPMessage()
    message["messageID"] = MessageID(number)
    message["protocolOp"] = ProtocolOp().setComponentByName(name, operation)
    if controls:
        built = Controls()
        for place, (identifier, value) in enumerate(controls):
            control = build_control(identifier, criticality=False, value=value, encode_control_value=False)
            built.setComponentByPosition(place, control)
        message["controls"] = built
    return bytes(encode(message))


@given(NUMBERS, TEXTS.filter(bool), VALUES.filter(bool), CONTROLS)
def test_a_log_in_differs_from_that_of_ldap3(number: int, dn: str, password: bytes, controls: list[Control]) -> None:
    theirs = by_ldap3(number, "bindRequest", bind_operation(3, ldap3.SIMPLE, dn, password), controls)

    assert requests.message(number, requests.bind(dn, password), controls) == theirs


@given(NUMBERS, TEXTS, st.lists(WORDS, min_size=1, max_size=9), CONTROLS)
def test_a_question_differs_from_that_of_ldap3(
    number: int, dn: str, attributes: list[str], controls: list[Control]
) -> None:
    whole = {"size_limit": 0, "time_limit": 0, "types_only": False, "auto_escape": False, "auto_encode": False}
    operation = search_operation(dn, "(objectClass=*)", ldap3.BASE, ldap3.DEREF_NEVER, attributes, **whole)
    theirs = by_ldap3(number, "searchRequest", operation, controls)

    assert requests.message(number, requests.search_entry(dn, attributes), controls) == theirs


@given(NUMBERS, TEXTS, st.dictionaries(WORDS, st.lists(VALUES, min_size=1, max_size=4).map(tuple), min_size=1))
def test_a_new_entry_differs_from_that_of_ldap3(number: int, dn: str, attributes: dict[str, tuple[bytes, ...]]) -> None:
    listed = {name: list(values) for name, values in attributes.items()}
    theirs = by_ldap3(number, "addRequest", add_operation(dn, listed, auto_encode=False))

    assert requests.message(number, requests.add(dn, {**attributes, "empty": ()})) == theirs


@given(NUMBERS, TEXTS, VALUES, CONTROLS)
def test_a_new_password_differs_from_that_of_ldap3(
    number: int, dn: str, password: bytes, controls: list[Control]
) -> None:
    value = PasswdModifyRequestValue()
    value["userIdentity"], value["newPasswd"] = dn.encode(), password
    theirs = by_ldap3(number, "extendedReq", extended_operation(PASSWORD_MODIFY, value), controls)

    assert requests.message(number, requests.modify_password(dn, password), controls) == theirs


@pytest.mark.parametrize("number", [1, 127, 128, 255, 256, 32767, 32768, 2**31 - 1])
def test_a_number_is_read_as_another_or_as_a_negative_one(number: int) -> None:
    message = requests.message(number, requests.bind("cn=x", b"y"))

    assert int.from_bytes(message[4 : 4 + message[3]], signed=True) == number
