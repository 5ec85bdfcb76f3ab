"""Generates passwords that satisfy every policy, and checks others.

A policy is a declaration (:class:`~provisioner.core.api.messages.PasswordPolicy`), used for generating and checking.
Contradictions between two policies are found when the program starts, not when a password is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Self

import attrs
from passlib import pwd

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.messages import CharacterClass, PasswordPolicy
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text


def count_words(length: int, classes: Sequence[CharacterClass]) -> int:
    """Count the words of *length* that have enough characters of every class. The classes have no characters in common.

    The count grows class by class: of the free positions, *n* are chosen for the current class, each with any of its
    characters.
    """
    ways = [1] + [0] * length
    for cls in classes:
        size = len(cls.characters)
        ways = [
            sum(math.comb(total, n) * size**n * ways[total - n] for n in range(cls.at_least, total + 1))
            for total in range(length + 1)
        ]
    return ways[length]


def combine(policies: Sequence[PasswordPolicy]) -> PasswordPolicy:
    """Return one policy that requires what all these policies require.

    Raises:

        ConfigurationError: They contradict each other; the message names the two origins.
    """
    if not policies:
        raise ConfigurationError("there is no password policy", cure="enable a plug-in that declares one")
    source = " and ".join(policy.source for policy in policies)
    excluded = set().union(*(policy.excluded for policy in policies))
    merged = PasswordPolicy(
        source=source,
        classes=_combine_classes(policies, excluded),
        minimum_length=max(policy.minimum_length for policy in policies),
        maximum_length=min(policy.maximum_length for policy in policies),
        minimum_bits=max(policy.minimum_bits for policy in policies),
        excluded="".join(sorted(excluded)),
        forbidden_words=tuple(word for policy in policies for word in policy.forbidden_words),
    )
    if merged.minimum_length > merged.maximum_length:
        raise ConfigurationError(
            "the password policies of {source} require at least {least} and at most {most} characters",
            source=source,
            least=merged.minimum_length,
            most=merged.maximum_length,
        )
    return merged


def _combine_classes(policies: Sequence[PasswordPolicy], excluded: set[str]) -> tuple[CharacterClass, ...]:
    characters: dict[str, set[str]] = {}
    at_least: dict[str, int] = {}
    for kind in (kind for policy in policies for kind in policy.classes):
        characters[kind.name] = characters.get(kind.name, set(kind.characters)) & set(kind.characters)
        at_least[kind.name] = max(at_least.get(kind.name, 0), kind.at_least)
    seen: dict[str, str] = {}
    for name, allowed in characters.items():
        allowed.difference_update(excluded)
        if not allowed:
            raise ConfigurationError("the password policies leave no character in the class {name}", name=name)
        for character in allowed:
            if character in seen:
                raise ConfigurationError(
                    "the password policies have {character} in both class {one} and class {other}",
                    character=repr(character),
                    one=seen[character],
                    other=name,
                )
            seen[character] = name
    return tuple(
        CharacterClass(name=name, characters="".join(sorted(allowed)), at_least=at_least[name])
        for name, allowed in characters.items()
    )


@attrs.frozen
class PasswordMaker:
    """Generates passwords from one policy.

    Args:

        policy: The password requirements.

        length: The length of a generated password: the shortest with the required entropy.
    """

    policy: PasswordPolicy
    length: int
    #: Draws words of the characters that are allowed.
    _words: Iterator[str] = attrs.field(init=False, eq=False, repr=False)

    @_words.default
    def _drawn(self) -> Iterator[str]:
        alphabet = "".join(cls.characters for cls in self.policy.classes)
        words: Iterator[str] = pwd.genword(length=self.length, chars=alphabet, returns=iter)
        return words

    @classmethod
    def of(cls, policies: Sequence[PasswordPolicy]) -> Self:
        """Return a generator for all these policies together.

        Raises:

            ConfigurationError: They contradict each other, or no password can satisfy them.
        """
        policy = combine(policies)
        for length in range(policy.minimum_length, policy.maximum_length + 1):
            words = count_words(length, policy.classes)
            if words and math.log2(words) >= policy.minimum_bits:
                return cls(policy, length)
        raise ConfigurationError(
            "no password of at most {most} characters has {bits} bits and meets the requirements of {source}",
            cure="allow longer passwords or more characters",
            most=policy.maximum_length,
            bits=policy.minimum_bits,
            source=policy.source,
        )

    @property
    def bits(self) -> float:
        """The entropy of a generated password, in bits. Forbidden words are too rare to count."""
        return math.log2(count_words(self.length, self.policy.classes))

    def make(self) -> Secret:
        """Return a new password. All words that the policy allows are equally likely."""
        while True:
            secret = Secret(next(self._words), passing=True)
            if not self.objections(secret):
                return secret

    def objections(self, secret: Secret) -> list[Text]:
        """Return which requirements a password violates, without quoting it."""
        word = secret.reveal()
        policy = self.policy
        found = []
        if not policy.minimum_length <= len(word) <= policy.maximum_length:
            bounds = {"least": policy.minimum_length, "most": policy.maximum_length}
            found.append(Text("it must have {least} to {most} characters", bounds))
        found += [
            Text("it needs more {name}", {"name": cls.name})
            for cls in policy.classes
            if sum(map(cls.characters.__contains__, word)) < cls.at_least
        ]
        if set(word) - set().union(*(cls.characters for cls in policy.classes)):
            found.append(Text("it contains characters that are not allowed"))
        folded = word.casefold()
        if any(forbidden.casefold() in folded for forbidden in policy.forbidden_words):
            found.append(Text("it contains a forbidden word"))
        return found
