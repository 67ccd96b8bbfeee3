"""Client certificates that a proxy hands on in a header: each product writes them in a form of its own.

What trips people: Base64 holds ``+``, which a form decoder turns into a blank; a header has one line, so a PEM is folded with tabs or
blanks; some send the leaf alone, some the chain.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from chaincheck.errors import InputError
from chaincheck.formats.described import described

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaincheck.x509.certificate import Certificate

LONGEST: Final = 256 * 1024  # characters: servers take headers of some 8 to 64 KB in all
_ABSENT: Final = frozenset(("", "-", "(null)", "null", "none"))  # what is sent where the client gave none
_PEM: Final = re.compile(r"-----BEGIN (?:TRUSTED )?CERTIFICATE-----(.*?)-----END (?:TRUSTED )?CERTIFICATE-----", re.DOTALL)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def certificates(value: str | bytes | None, proxy: str) -> tuple[Certificate, ...]:
    """The certificates in a header, the client's first; () where the client sent none. Raises ``InputError``; no path is ever opened."""
    read = _READERS.get(proxy.lower()) if type(proxy) is str else None
    if read is None:
        raise InputError("unknown-proxy", found=described(proxy), expected=", ".join(sorted(_READERS)), where="proxy")
    text = _text(value)
    if text.strip().lower() in _ABSENT:
        return ()
    found = read(text)
    if not found:
        raise _wrong(proxy, text)
    return tuple(_certificate(encoded, proxy, text) for encoded in found)


def _text(value: str | bytes | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | bytes):
        raise InputError("header", found=described(value), expected="the value of a header as str or bytes, or None", where="value")
    if len(value) > LONGEST:
        raise InputError("header", found=f"{len(value):,} characters", expected=f"at most {LONGEST:,}", where="value")
    return value.decode("latin-1") if isinstance(value, bytes) else value  # as WSGI and ASGI hand headers on


def _certificate(encoded: bytes, proxy: str, text: str) -> Certificate:
    from chaincheck.formats.limits import Limits
    from chaincheck.formats.load import load
    from chaincheck.x509.certificate import Certificate

    try:
        loaded = load(encoded, limits=Limits.hostile(), where=f"the header of {proxy}")
    except InputError as error:
        raise _wrong(proxy, text) from error
    if len(loaded.certificates) != 1 or loaded.keys:
        raise _wrong(proxy, text)
    return Certificate(loaded.certificates[0])


def _wrong(proxy: str, text: str) -> InputError:
    """Names what it looks like instead, where it looks like another proxy's form."""
    others = [name for name, read in _READERS.items() if name != proxy.lower() and read(text)]
    shown = "".join(character if character.isprintable() else " " for character in text.strip()[:24])
    hint = _slip(text) or (
        f'it looks like the form of {others[0]}: from_header(value, "{others[0]}")' if others else "was it cut off by a limit of headers?"
    )
    return InputError("header", found=f"a value that begins with {shown!r}", expected=_FORMS[proxy.lower()], where="value", hint=hint)


def _slip(text: str) -> str | None:
    """What the proxy was told to hand on instead of the certificate."""
    if text.partition(":")[0].strip() in ("SUCCESS", "FAILED", "NONE", "GENEROUS"):
        return "this is whether the proxy verified it ($ssl_client_verify, SSL_CLIENT_VERIFY), not the certificate"
    if re.match(r"/?(CN|OU?|C|ST|L|DC|UID|emailAddress)=", text.strip()):
        return "this is a name of the certificate ($ssl_client_s_dn, SSL_CLIENT_S_DN), not the certificate"
    if re.match(r"(By|Hash|Subject|URI|DNS)=", text.strip()) and "Cert=" not in text:
        return "Envoy leaves the certificate out unless set_current_client_cert_details has cert: true"
    return None


# the forms


def _pem(text: str) -> list[bytes]:
    """PEM whose line ends became blanks or tabs, or are gone: all white space is dropped inside of the markers."""
    return [decoded for body in _PEM.findall(text) if (decoded := _base64("".join(body.split())))]


def _base64(text: str) -> bytes:
    from base64 import b64decode

    if _BASE64.fullmatch(text) is None:
        return b""
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""


def _unescaped(text: str) -> str:
    """Percent-decoding that leaves ``+`` alone: it is Base64's own, and no blank (aws-alb leaves it bare)."""
    return unquote_to_bytes(text).decode("latin-1")


def _nginx(text: str) -> list[bytes]:
    return _pem(_unescaped(text) if "%" in text else text)


def _der(text: str) -> list[bytes]:
    decoded = _base64(text.strip())
    return [decoded] if decoded else []


def _envoy(text: str) -> list[bytes]:
    """x-forwarded-client-cert: elements of several hops, the last one added last; ``Chain`` has the leaf first, else ``Cert``."""
    last = _split(text, ",")[-1]
    pairs = dict(part.strip().partition("=")[::2] for part in _split(last, ";"))
    values = {name.strip().lower(): value.strip().strip('"') for name, value in pairs.items()}
    return _pem(_unescaped(values.get("chain") or values.get("cert") or ""))


def _split(text: str, at: str) -> list[str]:
    """Split outside of quotes."""
    parts, quoted, begun = [], False, 0
    for place, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == at and not quoted:
            parts.append(text[begun:place])
            begun = place + 1
    return [*parts, text[begun:]]


def _traefik(text: str) -> list[bytes]:
    """Base64 without markers and line ends, several with commas between them; percent-encoded by older versions."""
    plain = _unescaped(text) if "%" in text else text
    if "-----BEGIN" in plain:
        return _pem(plain)
    return [decoded for part in plain.split(",") if (decoded := _base64(part.strip()))]


def _rfc9440(text: str) -> list[bytes]:
    """RFC 9440 section 2.1: a Byte Sequence (RFC 8941 section 3.3.5), ``:Base64:``; of Client-Cert-Chain a list of them."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.startswith(":") and part.endswith(":") and len(part) > 2 for part in parts):
        return []
    return [decoded for part in parts if (decoded := _base64(part[1:-1]))]


_READERS: Final[dict[str, Callable[[str], list[bytes]]]] = {
    "nginx": _nginx,
    "apache": _pem,
    "haproxy": _der,
    "envoy": _envoy,
    "traefik": _traefik,
    "aws-alb": lambda text: _pem(_unescaped(text)),
    "arr": _der,
    "rfc9440": _rfc9440,
}
_FORMS: Final = {
    "nginx": "a PEM, percent-encoded ($ssl_client_escaped_cert) or folded ($ssl_client_cert)",
    "apache": "a PEM in one line (SSL_CLIENT_CERT)",
    "haproxy": "Base64 of DER (ssl_c_der,base64)",
    "envoy": 'an element with Cert="..." or Chain="..." (x-forwarded-client-cert)',
    "traefik": "Base64 without markers (X-Forwarded-Tls-Client-Cert)",
    "aws-alb": "a percent-encoded PEM (X-Amzn-Mtls-Clientcert)",
    "arr": "Base64 of DER (X-ARR-ClientCert)",
    "rfc9440": "Base64 of DER between colons (Client-Cert)",
}
