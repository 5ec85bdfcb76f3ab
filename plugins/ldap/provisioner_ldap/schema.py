"""What a directory calls its attributes and object classes, each of which may have several names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from ldap3.protocol.rfc4512 import AttributeTypeInfo, ObjectClassInfo

_STRUCTURAL = "STRUCTURAL"


@attrs.frozen(eq=False)
class Schema:
    """The attributes and object classes of one directory, each to be found by every name it has."""

    _attributes: Mapping[str, Any] = attrs.field(repr=False)
    _classes: Mapping[str, Any] = attrs.field(repr=False)

    @classmethod
    def parse(cls, attribute_types: Iterable[bytes], object_classes: Iterable[bytes]) -> Schema:
        """Read definitions as directories publish them (RFC 4512, section 4.1)."""
        return cls(
            AttributeTypeInfo.from_definition(list(attribute_types)),
            ObjectClassInfo.from_definition(list(object_classes)),
        )

    def knows(self, attribute: str) -> bool:
        """Whether there is such an attribute."""
        return attribute in self._attributes

    def is_single(self, attribute: str) -> bool:
        """Whether an attribute can have one value only."""
        return attribute in self._attributes and bool(self._attributes[attribute].single_value)

    def attribute(self, name: str) -> str:
        """Return what is the same for all names of an attribute; *name* itself, in lower case, if it is unknown."""
        return _identity(self._attributes, name)

    def object_class(self, name: str) -> str:
        """Return what is the same for all names of an object class; *name* itself, in lower case, if it is unknown."""
        return _identity(self._classes, name)

    def structural(self, classes: Iterable[str]) -> str | None:
        """Return the class among those of an entry that says what it is, if one does."""
        kinds = [name for name in classes if name in self._classes and self._classes[name].kind == _STRUCTURAL]
        above = self._superiors(kinds)
        return next((name for name in kinds if self.object_class(name) not in above), None)

    def _superiors(self, classes: Iterable[str]) -> set[str]:
        """Return the classes from which any of these are derived."""
        found: set[str] = set()
        open_ = list(classes)
        while open_:
            name = open_.pop()
            superiors = [
                superior for superior in _superiors(self._classes, name) if self.object_class(superior) not in found
            ]
            found.update(map(self.object_class, superiors))
            open_ += superiors
        return found


def _superiors(definitions: Mapping[str, Any], name: str) -> Iterable[str]:
    return definitions[name].superior or () if name in definitions else ()


def _identity(definitions: Mapping[str, Any], name: str) -> str:
    return str(definitions[name].oid) if name in definitions else name.lower()
