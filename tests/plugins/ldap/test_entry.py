from __future__ import annotations

import pytest

from provisioner_ldap.entry import Entry


class TestEntry:
    def test_nothing_differs_from_itself(self) -> None:
        entry = Entry("uid=a", {"objectclass": (b"inetOrgPerson",), "cn": (b"a",)})

        assert entry.differences({"objectClass": (b"inetorgperson",), "CN": (b"a",), "title": ()}) == {}

    def test_the_order_of_values_makes_no_difference(self) -> None:
        assert Entry("uid=a", {"cn": (b"a", b"b")}).differences({"cn": (b"b", b"a")}) == {}

    def test_the_only_value_is_replaced_and_a_blank_one_removed(self) -> None:
        entry = Entry("uid=a", {"cn": (b"a",), "title": (b"x",)})

        assert entry.differences({"cn": (b"c",), "title": ()}) == {"cn": (b"c",), "title": ()}

    def test_of_several_values_those_of_others_stay(self) -> None:
        entry = Entry("uid=a", {"cn": (b"a", b"b"), "title": (b"x", b"y"), "mail": (b"m", b"n")})
        ours = {"cn": (b"A",), "title": (b"x",), "mail": (b"m",)}

        assert entry.differences({"cn": (b"c",), "title": (), "mail": (b"M",)}, ours) == {
            "cn": (b"c", b"b"),
            "title": (b"y",),
            "mail": (b"M", b"n"),
        }

    def test_if_it_is_not_known_which_values_are_ours_all_stay(self) -> None:
        assert Entry("uid=a", {"cn": (b"a", b"b")}).differences({"cn": (b"c",)}) == {"cn": (b"c", b"a", b"b")}

    def test_a_value_where_we_had_none_is_not_ours(self) -> None:
        assert Entry("uid=a", {"title": (b"x",)}).differences({"title": ()}, {"title": ()}) == {}

    @pytest.mark.parametrize(("theirs", "ours"), [(" A  b", "a B"), ("+90 532 123-45 67", "+905321234567")])
    def test_what_a_directory_takes_for_the_same_is_not_written_twice(self, theirs: str, ours: str) -> None:
        entry = Entry("uid=a", {"cn": (theirs.encode(), b"x")})

        assert entry.differences({"cn": (ours.encode(),)}, {"cn": (b"old",)}) == {"cn": (ours.encode(), b"x")}

    def test_object_classes_are_only_added(self) -> None:
        """Another program may have added its own, with attributes that depend on them."""
        entry = Entry("uid=a", {"objectclass": (b"inetOrgPerson", b"mailUser")})

        assert entry.differences({"objectClass": (b"INETORGPERSON", b"pkiUser")}) == {
            "objectClass": (b"inetOrgPerson", b"mailUser", b"pkiUser")
        }

    def test_an_entry_that_holds_nothing_is_not_there(self) -> None:
        assert not Entry("uid=a").exists
        assert Entry("uid=a")["cn"] == ()
        assert Entry("uid=a").text("cn") is None
