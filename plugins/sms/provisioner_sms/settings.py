"""The settings in the table ``[channels.NAME]`` of this plug-in. Settings that cannot work are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from provisioner.core.api.bounds import is_timeout
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.net import addresses
from provisioner_sms.exchange import Exchange

LAST_PORT = 65535

#: The smallest number of characters of a secret that nobody can guess.
SHORTEST_SECRET = 16

#: The most messages that one text can take on the way to a phone.
MOST_PARTS = 255

#: The most messages in a second, and at the same time, that a limit can allow.
MOST_PER_SECOND = 10_000

#: The most notices in one request.
LARGEST_BATCH = 50

#: The most seconds for which a message waits until the limits of a gateway allow it.
LONGEST_WAIT = 10.0


class GatewayKind(StrEnum):
    """Which gateway sends the messages."""

    KANNEL = "kannel"
    JSON = "json"
    SMPP = "smpp"
    NETGSM = "netgsm"
    VERIMOR = "verimor"
    ILETIMERKEZI = "iletimerkezi"
    SIMULATOR = "simulator"


class NumberFormat(StrEnum):
    """How a gateway wants numbers written."""

    #: ``+905321234567``
    E164 = "e164"
    #: ``905321234567``
    DIGITS = "digits"
    #: ``5321234567``
    NATIONAL = "national"


def protected(url: str) -> bool:
    """Tell whether nobody on the network can read what is sent to *url*."""
    pieces = urlsplit(url)
    return pieces.scheme == "https" or addresses.is_loopback(pieces.hostname or "")


def _is_address(_: object, attribute: attrs.Attribute[Any], url: str | None) -> None:
    if url is None:
        return
    pieces = addresses.parts(url)
    if pieces is None or pieces.scheme not in {"http", "https"} or not pieces.hostname:
        raise ConfigurationError("{key}: expected an address that begins with http:// or https://", key=attribute.name)
    if "@" in pieces.netloc or re.search(r"(?i)(pass|pwd|secret|key)\w*=", pieces.query):
        raise ConfigurationError(
            "{key}: credentials must not be part of an address, because addresses are logged", key=attribute.name
        )


def _is_protected(key: str, url: str) -> None:
    if addresses.parts(url) is None or not protected(url):
        raise ConfigurationError("{key}: passwords may be sent from this machine over https only", key=key)


def _are_parts(_: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if not 0 < value <= MOST_PARTS:
        raise ConfigurationError("{key}: expected more than 0 and at most {most}", key=attribute.name, most=MOST_PARTS)


@attrs.frozen(kw_only=True)
class SmsTexts:
    """Texts that replace those of the plug-in.

    Placeholders: ``{order}``, ``{mail}``, ``{login}``, ``{password}`` and ``{help_desk}``. A text without ``{order}``
    begins with it.
    """

    #: For the first message about a password.
    first: str | None = None
    #: For a message that makes an earlier one void.
    replaces_earlier: str | None = None


def _is_listening_place(_: object, attribute: attrs.Attribute[Any], place: str | None) -> None:
    found = re.fullmatch(r"[^:\s]+:([0-9]{1,5})", place or "0:0")
    if found is None or int(found[1]) > LAST_PORT:
        raise ConfigurationError("{key}: expected HOST:PORT", key=attribute.name)


def _is_long(_: object, attribute: attrs.Attribute[Any], secret: Secret) -> None:
    if len(secret.reveal()) < SHORTEST_SECRET:
        raise ConfigurationError(
            "{key}: expected at least {count} characters", key=attribute.name, count=SHORTEST_SECRET
        )


def _is_positive(_: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not 0 < value <= MOST_PER_SECOND:
        raise ConfigurationError(
            "{key}: expected more than 0 and at most {most}", key=attribute.name, most=MOST_PER_SECOND
        )


@attrs.frozen(kw_only=True)
class GatewaySettings:
    """The settings of every gateway."""

    #: How many messages this process hands to the gateway in a second; without a limit if not set.
    per_second: float | None = attrs.field(default=None, validator=_is_positive)
    #: How many messages this process hands to the gateway at the same time; without a limit if not set.
    max_connections: int | None = attrs.field(default=None, validator=_is_positive)

    @property
    def largest_batch(self) -> int:
        """How many notices the gateway gets in one request: no more than it may get in a second."""
        most = LARGEST_BATCH if self._takes_batches else 1
        return max(1, min(most, int(self.per_second or most)))

    @property
    def _takes_batches(self) -> bool:
        return False


@attrs.frozen(kw_only=True)
class ReportSettings:
    """How ``provisioner sms-reports serve`` receives Kannel's delivery reports."""

    #: The ``HOST:PORT`` on which it listens.
    listen: str = attrs.field(validator=_is_listening_place)
    #: The secret from which the address for the reports of each message is derived: at least 16 characters.
    secret: Secret = attrs.field(validator=_is_long)
    #: Its address for Kannel, if that isn't ``http://`` and ``listen``, for example that of a proxy with TLS.
    url: str | None = attrs.field(default=None, validator=_is_address)

    @property
    def address(self) -> str:
        """Its address for Kannel, without a slash at the end."""
        return (self.url or f"http://{self.listen}").rstrip("/")


@attrs.frozen(kw_only=True)
class KannelSettings(GatewaySettings):
    """A Kannel smsbox."""

    #: The address of its sendsms service, for example ``http://127.0.0.1:13013/cgi-bin/sendsms``.
    url: str = attrs.field(validator=_is_address)
    #: The user of the sendsms service.
    username: str
    #: The password of that user.
    password: Secret
    #: The seconds one request may take.
    timeout: float = attrs.field(default=10.0, validator=is_timeout)
    #: Certificates to trust instead of the system's.
    ca_file: Path | None = None
    #: The bearerbox's status page ``status.xml``, asked whether an operator is connected.
    status_url: str | None = attrs.field(default=None, validator=_is_address)
    #: Where Kannel reports what happened to a message, if something else collects that. ``{id}`` is our message ID,
    #: ``{part}`` the number of the part on which it reports, and ``{parts}`` how many the message has.
    dlr_url: str | None = attrs.field(default=None, validator=_is_address)
    #: ``HOST:PORT`` on which this process takes the reports itself; port 0 takes a free one. It only finds out about a
    #: lost answer: after the process has ended, nobody takes the reports. Use ``reports`` instead.
    dlr_listen: str | None = attrs.field(default=None, validator=_is_listening_place)
    #: How ``provisioner sms-reports serve`` receives the reports.
    reports: ReportSettings | None = None

    def __attrs_post_init__(self) -> None:
        if self.dlr_url is not None and "{id}" not in self.dlr_url:
            raise ConfigurationError("{key}: the address needs the placeholder {{id}}", key="dlr_url")
        if len([place for place in (self.dlr_url, self.dlr_listen, self.reports) if place]) > 1:
            raise ConfigurationError("set only one of dlr_url, dlr_listen and reports")


@attrs.frozen(kw_only=True)
class JsonSettings(GatewaySettings):
    """A provider with an HTTP interface that takes JSON."""

    send: Exchange
    #: Asks what happened to a message, by our id.
    probe: Exchange | None = None
    #: A request that sends nothing and shows that the credentials are good.
    check: Exchange | None = None
    #: For HTTP Basic authentication.
    username: str | None = None
    #: The password of that user.
    password: Secret | None = None
    #: What ``{secret:NAME}`` stands for in headers and bodies.
    secrets: Mapping[str, Secret] = attrs.field(factory=dict)
    #: How the provider expects numbers: ``+905321234567``, ``905321234567`` or ``5321234567``.
    number_format: NumberFormat = NumberFormat.E164
    #: The seconds one request may take.
    timeout: float = attrs.field(default=20.0, validator=is_timeout)
    #: Certificates to trust instead of the system's.
    ca_file: Path | None = None
    #: The address of an HTTP proxy, without credentials.
    proxy: str | None = attrs.field(default=None, validator=_is_address)

    def __attrs_post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ConfigurationError("username and password must be set together")
        secrets = {f"secret:{name}" for name in self.secrets}
        for name, exchange, places in (
            ("send", self.send, secrets | {"id", "to", "text", "sender"}),
            ("probe", self.probe, secrets | {"id"}),
            ("check", self.check, secrets),
        ):
            if exchange is not None:
                _is_protected(f"{name}.url", exchange.url)
                exchange.verify(name, places)


@attrs.frozen(kw_only=True)
class ProviderSettings(GatewaySettings):
    """A provider whose interface the plug-in knows."""

    #: The seconds one request may take.
    timeout: float = attrs.field(default=20.0, validator=is_timeout)
    #: Certificates to trust instead of the system's.
    ca_file: Path | None = None
    #: The address of an HTTP proxy, without credentials.
    proxy: str | None = attrs.field(default=None, validator=_is_address)


def _is_protected_address(_: object, attribute: attrs.Attribute[str], url: str) -> None:
    _is_address(_, attribute, url)
    _is_protected(attribute.name, url)


@attrs.frozen(kw_only=True)
class NetgsmSettings(ProviderSettings):
    """NetGSM."""

    #: The number of the account, and the password of its user for the interface.
    username: str
    password: Secret
    #: Whether messages are sent as one-time passwords, for which the account needs a package of its own.
    otp: bool = False
    #: The address of the interface.
    url: str = attrs.field(default="https://api.netgsm.com.tr", validator=_is_protected_address)

    @property
    def _takes_batches(self) -> bool:
        return not self.otp


@attrs.frozen(kw_only=True)
class VerimorSettings(ProviderSettings):
    """Verimor."""

    #: The number of the account, and its password for the interface.
    username: str
    password: Secret
    #: The address of the interface.
    url: str = attrs.field(default="https://sms.verimor.com.tr", validator=_is_protected_address)

    @property
    def _takes_batches(self) -> bool:
        return True


@attrs.frozen(kw_only=True)
class IletimerkeziSettings(ProviderSettings):
    """İleti Merkezi."""

    #: The key and the hash of the interface, from the settings of the account.
    key: Secret
    hash: Secret
    #: The address of the interface.
    url: str = attrs.field(default="https://api.iletimerkezi.com", validator=_is_protected_address)


@attrs.frozen(kw_only=True)
class SimulatorSettings(GatewaySettings):
    """The simulated phone network: one that runs elsewhere, or one inside this process."""

    #: The address of a running one.
    url: str | None = attrs.field(default=None, validator=_is_address)
    #: The file of one that runs in this process, on loopback, for as long as the program does.
    embedded: Path | None = None
    #: The API key of the running one.
    api_key: Secret | None = None
    #: The seconds one request may take.
    timeout: float = attrs.field(default=10.0, validator=is_timeout)

    def __attrs_post_init__(self) -> None:
        if (self.url is None) == (self.embedded is None):
            raise ConfigurationError("set either url or embedded")
        if self.url is not None:
            _is_protected("url", self.url)

    @property
    def _takes_batches(self) -> bool:
        return True


class BindKind(StrEnum):
    """What a connection to an operator is for."""

    #: To send messages, and to receive reports on them.
    TRANSCEIVER = "transceiver"
    #: To send messages only. ``sms-reports serve`` then opens a connection to receive reports.
    TRANSMITTER = "transmitter"


class HexadecimalIds(StrEnum):
    """Where an operator writes message IDs in hexadecimal digits: in answers, in reports, or in neither."""

    NEITHER = "neither"
    ANSWERS = "answers"
    REPORTS = "reports"


#: How many octets the text fields of a bind have room for.
_SYSTEM_ID, _SYSTEM_TYPE, _SMPP_PASSWORD = 15, 12, 8

#: The most messages that can wait for their answers on one connection.
LARGEST_WINDOW = 1000

#: The longest validity of a message that a relative time of SMPP can express without months.
MOST_VALIDITY_HOURS = 30 * 24


def _is_short(most: int) -> Callable[[object, attrs.Attribute[Any], str | Secret], None]:
    def verify(_: object, attribute: attrs.Attribute[Any], value: str | Secret) -> None:
        text = value.reveal() if isinstance(value, Secret) else value
        if len(text) > most or not (text.isascii() and text.isprintable()):
            raise ConfigurationError("{key}: expected at most {most} ASCII characters", key=attribute.name, most=most)

    return verify


def _is_between(least: int, most: int) -> Callable[[object, attrs.Attribute[Any], int | None], None]:
    def verify(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
        if value is not None and not least <= value <= most:
            raise ConfigurationError(
                "{key}: expected at least {least} and at most {most}", key=attribute.name, least=least, most=most
            )

    return verify


_is_number_kind = _is_between(0, 6)
_is_number_plan = _is_between(0, 18)


@attrs.frozen(kw_only=True)
class SmppSettings(GatewaySettings):
    """An operator that is reached directly, over SMPP 3.4."""

    #: The host name or address of the operator.
    host: str = attrs.field(validator=attrs.validators.min_len(1))
    #: Its port.
    port: int = attrs.field(validator=_is_between(1, LAST_PORT))
    #: The name of the account with the operator: at most 15 characters.
    system_id: str = attrs.field(validator=_is_short(_SYSTEM_ID))
    #: The password of that account: at most 8 characters.
    password: Secret = attrs.field(validator=_is_short(_SMPP_PASSWORD))
    #: What the operator expects as the kind of the system, at most 12 characters.
    system_type: str = attrs.field(default="", validator=_is_short(_SYSTEM_TYPE))
    #: Whether connections that send messages also receive reports.
    bind: BindKind = BindKind.TRANSCEIVER
    #: Whether the connection is encrypted.
    tls: bool = False
    #: Certificates to trust instead of the system's.
    ca_file: Path | None = None
    #: Whether passwords may be sent over the network unencrypted, for example because a VPN protects the way.
    allow_unencrypted: bool = False
    #: The type of number and the numbering plan of the sender; by default, 5 and 0 for a name, 1 and 1 for a number.
    source_ton: int | None = attrs.field(default=None, validator=_is_number_kind)
    source_npi: int | None = attrs.field(default=None, validator=_is_number_plan)
    #: The type of number and the numbering plan of the receiver.
    destination_ton: int = attrs.field(default=1, validator=_is_number_kind)
    destination_npi: int = attrs.field(default=1, validator=_is_number_plan)
    #: The seconds until an answer is considered lost.
    timeout: float = attrs.field(default=10.0, validator=is_timeout)
    #: The seconds without traffic after which the connection is tested.
    enquire_link: float = attrs.field(default=30.0, validator=is_timeout)
    #: How many messages can wait for their answers at once.
    window: int = attrs.field(default=10, validator=_is_between(1, LARGEST_WINDOW))
    #: How many hours the operator tries to deliver a message.
    validity_hours: int = attrs.field(default=24, validator=_is_between(1, MOST_VALIDITY_HOURS))
    #: Which IDs the operator writes in hexadecimal digits, if answers and reports differ.
    hexadecimal_ids: HexadecimalIds = HexadecimalIds.NEITHER

    def __attrs_post_init__(self) -> None:
        if not (self.is_protected or self.allow_unencrypted):
            raise ConfigurationError(
                "{key}: passwords may be sent from this machine over TLS only",
                cure="set tls = true; or allow_unencrypted = true if a VPN protects the way to the operator",
                key="tls",
            )

    @property
    def is_protected(self) -> bool:
        """Whether nobody on the network can read what is sent."""
        return self.tls or addresses.is_loopback(self.host)


def _is_sender(_: object, attribute: attrs.Attribute[Any], sender: str | None) -> None:
    if sender is not None and not re.fullmatch(r"[A-Za-z0-9 ._-]{1,11}|\+?\d{1,15}", sender):
        raise ConfigurationError(
            "{key}: expected up to 11 letters, digits, spaces, '.', '-' or '_', or a number of up to 15 digits",
            key=attribute.name,
        )


def _are_regions(_: object, attribute: attrs.Attribute[Any], regions: tuple[str, ...]) -> None:
    if not regions or not all(re.fullmatch(r"[A-Z]{2}", region) for region in regions):
        raise ConfigurationError("{key}: name at least one country by its two letters, such as TR", key=attribute.name)


AnyGatewaySettings = (
    KannelSettings
    | JsonSettings
    | SmppSettings
    | NetgsmSettings
    | VerimorSettings
    | IletimerkeziSettings
    | SimulatorSettings
)

#: The gateways that need no country code, and take a number with one for another number.
TURKISH_ONLY = frozenset({GatewayKind.NETGSM, GatewayKind.ILETIMERKEZI})

#: The country of the providers whose interface the plug-in knows.
TURKEY = "TR"

#: The gateways that take no message without a sender.
NEEDING_SENDER = frozenset({GatewayKind.NETGSM, GatewayKind.ILETIMERKEZI})


@attrs.frozen(kw_only=True)
class Settings:
    """One SMS channel."""

    #: The gateway that sends the messages. Its settings are in the table of the same name.
    gateway: GatewayKind
    #: The gateways that are tried in this order after it, if it certainly did not take a message. Each has its own
    #: table as well.
    fallbacks: tuple[GatewayKind, ...] = ()
    #: The phone number of the help desk, or a few words that say where to get help (001 ¶8).
    help_desk: str
    #: Who the message comes from: up to 11 letters and digits, or a number.
    sender: str | None = attrs.field(default=None, validator=_is_sender)
    #: The countries whose mobile numbers may get a password; numbers without a country code belong to the first.
    regions: tuple[str, ...] = attrs.field(default=("TR",), validator=_are_regions)
    #: How many messages one text may take.
    max_parts: int = attrs.field(default=1, validator=_are_parts)
    #: How many messages a notice may take, which holds no password.
    max_notice_parts: int = attrs.field(default=3, validator=_are_parts)
    texts: SmsTexts = SmsTexts()
    kannel: KannelSettings | None = None
    json: JsonSettings | None = None
    smpp: SmppSettings | None = None
    netgsm: NetgsmSettings | None = None
    verimor: VerimorSettings | None = None
    iletimerkezi: IletimerkeziSettings | None = None
    simulator: SimulatorSettings | None = None

    @property
    def gateways(self) -> Mapping[GatewayKind, AnyGatewaySettings]:
        """The settings of the gateways, in the order in which they are tried."""
        return {kind: getattr(self, kind) for kind in (self.gateway, *self.fallbacks)}

    @property
    def largest_batch(self) -> int:
        """How many notices the channel takes at once: as many as its first gateway."""
        return self.gateways[self.gateway].largest_batch

    @property
    def timeout(self) -> float:
        """The seconds one message may take, if no gateway but the last answers."""
        limited = [gateway for gateway in self.gateways.values() if gateway.per_second or gateway.max_connections]
        return sum(gateway.timeout for gateway in self.gateways.values()) + LONGEST_WAIT * len(limited)

    def __attrs_post_init__(self) -> None:
        for kind, found in self.gateways.items():
            if found is None:
                raise ConfigurationError("the gateway {gateway} needs a table of this name", gateway=kind.value)
        if len(self.gateways) <= len(self.fallbacks):
            raise ConfigurationError("{key}: name each gateway once", key="fallbacks")
        if self.sender is None and (needing := NEEDING_SENDER & self.gateways.keys()):
            raise ConfigurationError("{key}: the gateway {gateway} needs it", key="sender", gateway=min(needing).value)
        if self.json is not None and self.sender is None and "sender" in self.json.send.places():
            raise ConfigurationError("{key}: the table json has a placeholder for it", key="sender")
        self._require_one_country()

    def _require_one_country(self) -> None:
        """Check that no gateway gets foreign numbers without their country codes: other people have the same digits."""
        if set(self.regions) != {TURKEY} and (turkish := TURKISH_ONLY & self.gateways.keys()):
            raise ConfigurationError(
                "{key}: the gateway {gateway} can send to Turkish numbers only",
                cure='set regions = ["TR"], or use another gateway for other countries',
                key="regions",
                gateway=min(turkish).value,
            )
        json = self.gateways.get(GatewayKind.JSON)
        is_national = isinstance(json, JsonSettings) and json.number_format is NumberFormat.NATIONAL
        if is_national and len(set(self.regions)) > 1:
            raise ConfigurationError(
                '{key}: with number_format = "national", the gateway json can send to numbers of one country only',
                cure='name one country, or set number_format = "e164"',
                key="regions",
            )
