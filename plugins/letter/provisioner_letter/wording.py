"""What a letter says, in each language."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Wording:
    """The sentences of a letter in one language."""

    title: str
    to: str
    unit: str
    account: str
    sent: str
    password: str
    #: Which of the characters that look alike is which.
    legend: tuple[str, ...]
    advice: str
    #: In a letter that follows others.
    replaces_earlier: str
    damaged: str
    help_desk: str


WORDINGS: Mapping[str, Wording] = {
    "tr": Wording(
        title="Hesap parolası",
        to="Kime",
        unit="Birim",
        account="Hesap",
        sent="Gönderim",
        password="Parola",  # noqa: S106 - a label
        legend=(
            "0 sıfır rakamı     O büyük O harfi     o küçük o harfi",
            "1 bir rakamı       l küçük L harfi     I büyük I harfi",
        ),
        advice="Bu parola PYS için de geçerlidir. Parolanızı kimseye söylemeyin.",
        replaces_earlier="Daha önce gönderilen parolalar geçersizdir.",
        damaged="Zarf size açılmış veya zarar görmüş olarak ulaştıysa parolayı kullanmayın ve yardım masasını arayın. "
        "Daha büyük numaralı bir ileti aldıysanız yalnızca o iletideki parola geçerlidir.",
        help_desk="Yardım masası",
    ),
    "en": Wording(
        title="Account password",
        to="To",
        unit="Unit",
        account="Account",
        sent="Sent",
        password="Password",  # noqa: S106 - a label
        legend=(
            "0 digit zero       O capital letter O  o small letter o",
            "1 digit one        l small letter L    I capital letter I",
        ),
        advice="This password is also valid for PYS. Tell it to nobody.",
        replaces_earlier="Passwords that were sent earlier are void.",
        damaged="If the envelope was open or damaged when you received it, don't use the password, and call the help "
        "desk. If you received a message with a higher number, only the password in that message is valid.",
        help_desk="Help desk",
    ),
}
