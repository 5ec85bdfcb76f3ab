"""The default rules, if no plug-in provides others. They use the same hooks as a plug-in."""

from __future__ import annotations

import unicodedata

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import CharacterClass, ChooseLogin, PasswordPolicy

#: Letters, digits and special characters (000 m.4/g) that are easy to distinguish, that every phone can type, and that
#: are one septet each in the basic GSM alphabet, at the same position as in ASCII.
LETTERS_LOWER = "abcdefghijkmnpqrstuvwxyz"
LETTERS_UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS = "23456789"
SIGNS = "!#%&*+-=?"

#: The minimum entropy of a generated password, in bits.
MINIMUM_BITS = 72

#: Latin letters that Unicode doesn't decompose into a letter and an accent.
_LIGATURES = str.maketrans(
    {"ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ŋ": "n"}
)


def ascii_name(text: str) -> str:
    """Return the letters and digits of *text* in lower case, each letter without its accents.

    A letter that has no Latin form is kept, so that the login is refused instead of shortened.
    """
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_LIGATURES)
    return "".join(filter(str.isalnum, folded))


@attrs.define(eq=False, kw_only=True)
class Defaults:
    """The directives' rules for logins and passwords.

    Args:

        plate_code: The number of the province, which ends the login of an office (000 m.4/h).
    """

    plate_code: str = ""

    @hookimpl(trylast=True)
    def account_login(self, request: ChooseLogin) -> str:
        """The login of a school is its institution code (000 m.4/f); that of an office is its name and the plate
        code.
        """
        if request.person is not None:
            words = [ascii_name(word) for word in request.person.name.split()]
            return ".".join(word for word in words if word)
        if request.unit.kind == "school":
            return request.unit.code.casefold()
        name = ascii_name(request.unit.name)
        if not name:
            raise ConfigurationError(
                "unit {code} has no name from which a login can be derived",
                cure="give the unit a login in the manifest",
                code=request.unit.code,
            )
        return f"{name}{self.plate_code}"

    @hookimpl
    def password_policy(self) -> PasswordPolicy:
        """Letters, digits and special characters (000 m.4/g)."""
        return PasswordPolicy(
            source="the product's default",
            classes=(
                CharacterClass(name="small letters", characters=LETTERS_LOWER),
                CharacterClass(name="capital letters", characters=LETTERS_UPPER),
                CharacterClass(name="digits", characters=DIGITS),
                CharacterClass(name="signs", characters=SIGNS),
            ),
            minimum_length=12,
            minimum_bits=MINIMUM_BITS,
        )
