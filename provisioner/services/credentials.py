"""The secrets with which the product itself logs in to targets: replacing them, and finishing what was interrupted.

The order makes a lockout impossible. The new secret is in the secret store, durably, before a target is told of it. It
takes the place of the former one only when every server of the target accepts it and refuses the former one. Until then
both are stored, and plug-ins log in with the one that is valid.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import attrs

from provisioner import files
from provisioner.config.load import LoadedConfiguration
from provisioner.config.secret_stores import SecretStore, store_of
from provisioner.core.api.errors import (
    BusyError,
    ConfigurationError,
    MisconfiguredError,
    NotAppliedError,
    NotReadyError,
    ProvisionerError,
    SecretRefusedError,
    TargetError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import (
    CharacterClass,
    CredentialReport,
    PasswordPolicy,
    ProbeCredential,
    SetCredential,
)
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.engine.ports import Recorder
from provisioner.core.gateways.credentials import (
    CredentialProved,
    CredentialRotated,
    CredentialRotation,
    CredentialRotationBegan,
)
from provisioner.core.gateways.gateway import PROBE_CREDENTIAL, SET_CREDENTIAL, Target
from provisioner.core.gateways.retrying import Retry
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model.secret import Secret
from provisioner.services.parts import Clock, require_target
from provisioner.store import Store

#: How many characters a new secret has, if the target takes so many, and how often another one is drawn.
LENGTH, DRAWS = 40, 5

#: What each new secret has characters of; all of them are safe in files, key rings and addresses.
_CLASSES = {"lower": string.ascii_lowercase, "upper": string.ascii_uppercase, "digit": string.digits, "mark": "-._"}


@attrs.frozen(kw_only=True)
class CredentialResult:
    """What became of the rotation of a target's secret."""

    target: str
    #: Why it is not finished; ``None`` if it is. The target can be used either way.
    error: ProvisionerError | None = None


@attrs.frozen(kw_only=True)
class Credentials:
    """Replaces the secrets of the product's own accounts.

    Args:

        config: Says where the secrets are.

        store: Knows which rotations are unfinished.

        targets: The targets by name.

        authority: Tells who may do it.

        record: Writes events into the audit log, and tells the observers.

        retry: How persistently targets are tried.

        now: The clock.
    """

    config: LoadedConfiguration
    store: Store
    targets: Mapping[str, Target]
    authority: Authority
    record: Recorder
    retry: Retry
    now: Clock

    def rotate(self, name: str, *, actor: str, dry_run: bool = False) -> CredentialResult:
        """Replace the secret of the product's own account on a target, or finish a rotation that was interrupted.

        Args:

            name: The target.

            actor: Who wants it.

            dry_run: Only check whether it can be done.

        Raises:

            DeniedError: The actor is not an administrator.

            InputError: There is no such target.

            ConfigurationError: The secret of this target can't be replaced. Nothing was changed.

            NotReadyError: The target can't be used now. Nothing was changed.

            BusyError: Another process does it already.
        """
        require_target(name, self.targets)
        self.authority.require(actor, {Role.ADMINISTRATOR})
        target, secrets = self.targets[name], self._secrets(name)
        with self._alone(name):
            if self.store.credential_rotations.get(name) is None:
                policy = self._ready(target, secrets)
                if dry_run:
                    return CredentialResult(target=name)
                if secrets.pending() is None:
                    secrets.propose(PasswordMaker.of([policy]).make())
                self.record(CredentialRotationBegan(at=self.now(), actor=actor, target=name))
            return CredentialResult(target=name) if dry_run else self._finished(name)

    def unfinished(self) -> list[CredentialRotation]:
        """Return the rotations that were interrupted."""
        return list(self.store.credential_rotations.all())

    def resume(self) -> list[CredentialResult]:
        """Finish the rotations that were interrupted."""
        return [self._resumed(rotation.target) for rotation in self.unfinished()]

    def _resumed(self, name: str) -> CredentialResult:
        try:
            with self._alone(name):
                return self._finished(name)
        except BusyError as error:
            return CredentialResult(target=name, error=error)

    def _finished(self, name: str) -> CredentialResult:
        rotation = self.store.credential_rotations.get(name)
        try:
            if rotation:
                self._finish(rotation)
        except (TargetError, ConfigurationError) as error:
            return CredentialResult(target=name, error=error)
        return CredentialResult(target=name)

    def _finish(self, rotation: CredentialRotation) -> None:
        name, actor = rotation.target, rotation.actor
        secrets = self._secrets(name)
        target = self.targets[name]
        if rotation.proved_at is None:
            self._prove(target, secrets)
            self.record(CredentialProved(at=self.now(), actor=actor, target=name))
        secrets.adopt()
        self._expect_valid(target, secrets)
        self.record(CredentialRotated(at=self.now(), actor=actor, target=name))

    def _prove(self, target: Target, secrets: SecretStore) -> None:
        """Bring the pending secret to the target, and draw another one if the target refuses it."""
        maker = PasswordMaker.of([_policy(target)])
        for is_last in [False] * (DRAWS - 1) + [True]:
            if secrets.pending() is None:
                secrets.propose(maker.make())
            try:
                self.retry.call(lambda _: self._bring(target, secrets))
            except SecretRefusedError:
                if is_last:
                    raise
                secrets.propose(maker.make())
            else:
                return

    def _bring(self, target: Target, secrets: SecretStore) -> None:
        """Set the pending secret where it is not set, and see that it is valid everywhere and the former one nowhere.

        Raises:

            NotAppliedError: It is not so yet.
        """
        former, pending = _there(secrets.current()), _there(secrets.pending())
        before = self._asked(target, pending)
        if not before.accepted_by or set(before.accepted_by) & set(self._asked(target, former).accepted_by):
            _set(target, pending)
        if late := self._asked(target, former).accepted_by:
            raise _named(
                target,
                NotAppliedError("the former secret is still valid at {servers}", servers=", ".join(late), cure=_LATER),
            )
        if late := self._asked(target, pending).refused_by:
            raise _named(
                target,
                NotAppliedError("the new secret is not valid yet at {servers}", servers=", ".join(late), cure=_LATER),
            )

    def _ready(self, target: Target, secrets: SecretStore) -> PasswordPolicy:
        """Check everything that can be checked before something is changed.

        Returns:

            What a new secret must be like.

        Raises:

            ConfigurationError: The secret can't be replaced.

            NotReadyError: The target, or one of its servers, can't be used now.
        """
        secrets.expect_replaceable()
        try:
            self.retry.call(lambda _: target.check())
            if secrets.pending() is None:
                self._expect_valid(target, secrets)
        except TargetError as error:
            raise NotReadyError([error]) from None
        return _policy(target)

    def _expect_valid(self, target: Target, secrets: SecretStore) -> None:
        """Check that every server accepts the stored secret.

        Raises:

            MisconfiguredError: One doesn't.

            TransientError: One doesn't answer.
        """
        if refusing := self.retry.call(lambda _: self._asked(target, _there(secrets.current()))).refused_by:
            error = MisconfiguredError(
                "{servers} refuses the stored secret",
                cure="store the valid secret of the account where the configuration refers to",
                servers=", ".join(refusing),
            )
            raise _named(target, error)

    def _asked(self, target: Target, secret: Secret) -> CredentialReport:
        return target.probe_credential(ProbeCredential(secret=secret))

    def _secrets(self, name: str) -> SecretStore:
        """Return where the secret of a target is.

        Raises:

            ConfigurationError: It can't be replaced there.
        """
        if name not in self.targets:
            raise ConfigurationError(
                "there is no target {target} in the configuration any more",
                cure="configure it again, and run 'provisioner resume'",
                target=name,
            )
        target, table = self.targets[name], self.config.content.targets[name]
        reference = str(table.get(target.credential, ""))
        if not reference or not {SET_CREDENTIAL, PROBE_CREDENTIAL} <= target.hooks:
            raise ConfigurationError(
                "{target} has no secret that can be replaced",
                cure="change it at the target and in the configuration by hand",
                target=name,
            )
        place = {"place": f"targets.{name}.{target.credential}", "target": name}
        if self._uses(reference) > 1:
            raise ConfigurationError(
                "{place}: another table refers to the same secret",
                cure="give {target} an account of its own, and store its secret in a place of its own",
                **place,
            )
        secrets = store_of(reference, self.config.file.parent)
        if secrets is None:
            raise ConfigurationError(
                "{place}: the program cannot change the secret where it is",
                cure="store it in a file that only this user can read, and refer to it with file:PATH, or in the key"
                " ring with keyring:SERVICE/USER",
                **place,
            )
        return secrets

    def _uses(self, reference: str) -> int:
        content = self.config.content
        tables = [*content.targets.values(), *content.channels.values(), *content.rules.values()]
        return sum(_count(table, reference) for table in tables)

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Let one process at a time replace secrets.

        Raises:

            BusyError: Another one does.
        """
        try:
            with files.locked(self.config.file.parent):
                yield
        except BlockingIOError:
            raise BusyError(
                "another process replaces the secret of {target}", cure="wait until it has ended", target=name
            ) from None


_LATER = "check the replication of the target, then run 'provisioner resume'"


def _set(target: Target, secret: Secret) -> None:
    """Set a secret. If the answer is lost, a probe tells whether it was set."""
    try:
        target.set_credential(SetCredential(secret=secret))
    except UnknownOutcomeError:
        return


def _policy(target: Target) -> PasswordPolicy:
    """Return what a new secret must be like."""
    limits = target.report.passwords if target.report else None
    longest = limits.maximum_length if limits and limits.maximum_length else LENGTH
    length = max(min(LENGTH, longest), limits.minimum_length if limits else 0)
    classes = tuple(CharacterClass(name=name, characters=characters) for name, characters in _CLASSES.items())
    return PasswordPolicy(source=target.name, classes=classes, minimum_length=length, maximum_length=length)


def _there(secret: Secret | None) -> Secret:
    """Return a secret that must be there.

    Raises:

        ConfigurationError: There is none.
    """
    if secret is None:
        raise ConfigurationError("the secret of the target is no longer stored", cure="store it again")
    return secret


def _named(target: Target, error: TargetError) -> TargetError:
    error.target = target.name
    return error


def _count(value: object, reference: str) -> int:
    if isinstance(value, Mapping):
        return sum(map(partial(_count, reference=reference), value.values()))
    return int(value == reference)
