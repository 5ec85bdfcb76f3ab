"""Entries are read like ldap3 reads them, and a damaged one is noticed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ldap3.protocol.rfc4511 import (
    LDAPDN,
    AttributeDescription,
    AttributeValue,
    LDAPMessage,
    MessageID,
    PartialAttribute,
    PartialAttributeList,
    ProtocolOp,
    SearchResultEntry,
    Vals,
)
from ldap3.utils.asn1 import encode

from provisioner_ldap.ber import read_entry
from provisioner_ldap.entry import Entry

NAMES = st.sampled_from(["uid", "objectClass", "mail;lang-tr", "userPassword"])
VALUES = st.dictionaries(NAMES, st.lists(st.binary(max_size=300), max_size=3, unique=True), max_size=4)


def message(dn: str, values: dict[str, list[bytes]]) -> bytes:
    """Encode an entry as ldap3 does."""
    attributes = PartialAttributeList()
    for number, (name, held) in enumerate(values.items()):
        attribute, vals = PartialAttribute(), Vals()
        for place, value in enumerate(held):
            vals[place] = AttributeValue(value)
        attribute["type"], attribute["vals"] = AttributeDescription(name), vals
        attributes[number] = attribute
    entry, whole = SearchResultEntry(), LDAPMessage()
    entry["object"], entry["attributes"] = LDAPDN(dn), attributes
    whole["messageID"] = MessageID(70000)
    whole["protocolOp"] = ProtocolOp().setComponentByName("searchResEntry", entry)
    return bytes(encode(whole))


@given(st.text(max_size=200), VALUES)
def test_every_value_of_an_entry_is_read(dn: str, values: dict[str, list[bytes]]) -> None:
    found = read_entry(message(dn, values))

    assert found is not None
    assert found.dn == dn
    assert {name: sorted(held) for name, held in found.values.items()} == {
        name.lower(): sorted(held) for name, held in values.items() if held
    }


@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 255))
@example(b"x", 1, 0x84)
def test_a_damaged_message_ends_in_an_error_it_may_end_in(value: bytes, place: int, octet: int) -> None:
    """No other one, no entry of nothing, and no endless loop."""
    damaged = bytearray(message("uid=a", {"uid": [value], "mail": [value]}))
    damaged[place % len(damaged)] = octet

    with suppress(IndexError, UnicodeDecodeError):
        assert isinstance(read_entry(bytes(damaged)), Entry | None)


def test_a_message_that_ends_early_is_noticed() -> None:
    whole = message("uid=a", {"uid": [b"a"]})

    for length in range(len(whole)):
        with pytest.raises(IndexError):
            read_entry(whole[:length])


def test_the_end_of_a_search_is_no_entry() -> None:
    assert read_entry(bytes.fromhex("300c02010565070a010004000400")) is None
