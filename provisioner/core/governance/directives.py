"""What holds where no plug-in says otherwise. It comes through the same hooks as a plug-in's."""

from __future__ import annotations

import unicodedata

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import CharacterClass, ChooseLogin, PasswordPolicy

#: Letters, digits and signs (000 m.4/g) that nobody takes for one another, that every telephone can type, and that
#: are one septet each in the basic GSM alphabet, at the same place as in ASCII.
LETTERS_LOWER = "abcdefghijkmnpqrstuvwxyz"
LETTERS_UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS = "23456789"
SIGNS = "!#%&*+-=?"

#: The information a generated password carries at least.
MINIMUM_BITS = 72

#: Latin letters that Unicode does not take for another letter with an accent.
_LIGATURES = str.maketrans(
    {"ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ŋ": "n"}
)


def ascii_name(text: str) -> str:
    """Return the letters and digits of *text* in lower case, each letter without its accents.

    A letter that has no Latin form stays as it is, so that a login is refused and does not lose it.
    """
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_LIGATURES)
    return "".join(filter(str.isalnum, folded))


@attrs.define(eq=False, kw_only=True)
class Defaults:
    """The rules of the directives for logins and passwords.

    Args:

        plate_code: The province's number, which ends the login of an office (000 m.4/h).
    """

    plate_code: str = ""

    @hookimpl(trylast=True)
    def account_login(self, request: ChooseLogin) -> str:
        """A school's login is its institution code (000 m.4/f); an office's is its name and the plate code."""
        if request.person is not None:
            words = [ascii_name(word) for word in request.person.name.split()]
            return ".".join(word for word in words if word)
        if request.unit.kind == "school":
            return request.unit.code.casefold()
        name = ascii_name(request.unit.name)
        if not name:
            raise ConfigurationError(
                "unit {code} has no name to make a login from",
                cure="give the unit a login in the manifest",
                code=request.unit.code,
            )
        return f"{name}{self.plate_code}"

    @hookimpl
    def password_policy(self) -> PasswordPolicy:
        """Letters, digits and signs (000 m.4/g)."""
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
