"""Made-up exports of a Windows server and of a client, in the forms in which their tools print them."""

from __future__ import annotations

import json
import struct
from hashlib import sha1
from typing import TYPE_CHECKING, Any

import asn1

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

IIS_APPLICATION = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
LABELS = (
    ("IP:port", ""),
    ("Certificate Hash", "0123456789abcdef0123456789abcdef01234567"),
    ("Application ID", IIS_APPLICATION),
    ("Certificate Store Name", "MY"),
    ("Verify Client Certificate Revocation", "Enabled"),
    ("Verify Revocation Using Cached Client Certificate Only", "Disabled"),
    ("Usage Check", "Enabled"),
    ("Revocation Freshness Time", "0"),
    ("URL Retrieval Timeout", "0"),
    ("Ctl Identifier", "(null)"),
    ("Ctl Store Name", "(null)"),
    ("DS Mapper Usage", "Disabled"),
    ("Negotiate Client Certificate", "Enabled"),
    ("Reject Connections", "Disabled"),
    ("Disable HTTP2", "Not Set"),
    ("Disable QUIC", "Not Set"),
    ("Disable TLS1.2", "Not Set"),
    ("Disable TLS1.3", "Not Set"),
    ("Disable OCSP Stapling", "Not Set"),
)
JAPANESE = dict(
    zip(
        (label for label, _ in LABELS),
        (
            "IP:ポート", "証明書ハッシュ", "アプリケーション ID", "証明書ストア名", "クライアント証明書の失効の検証",
            "キャッシュされたクライアント証明書のみを使用した失効の検証", "使用状況のチェック", "失効の鮮度時間", "URL 取得タイムアウト",
            "Ctl 識別子", "Ctl ストア名", "DS マッパーの使用", "クライアント証明書のネゴシエーション", "接続の拒否", "HTTP2 の無効化",
            "QUIC の無効化", "TLS1.2 の無効化", "TLS1.3 の無効化", "OCSP ステープリングの無効化",
        ),
        strict=True,
    )
)  # fmt: skip
_WORDS = {"Enabled": "有効", "Disabled": "無効", "Not Set": "未設定", "Set": "設定済み"}


def binding(key: str = "0.0.0.0:443", *, lines: int = len(LABELS), japanese: bool = False, **settings: Any) -> str:
    """One block of ``netsh http show sslcert``; ``settings``: values by label with underscores for blanks ("Ctl_Store_Name")."""
    told = {label.replace("_", " "): value for label, value in settings.items()}
    first = "Central Certificate Store" if key.isdigit() else "IP:port" if key[0].isdigit() or key[0] == "[" else "Hostname:port"
    printed = []
    for label, value in LABELS[:lines]:
        shown = told.get(label, value) if label != "IP:port" else key
        name = first if label == "IP:port" else label
        if japanese:
            name, shown = JAPANESE[label], _WORDS.get(shown, shown)
        printed.append(f"    {name:<28} : {shown}")
    return "\n".join(printed) + "\n"


def netsh(*blocks: str) -> str:
    """The whole output."""
    return "\nSSL Certificate bindings:\n-------------------------\n\n" + "\n".join(blocks or (binding(),)) + "\n"


def netsh_json(key: str = "0.0.0.0:443", **settings: Any) -> str:
    told = {label.replace("_", " "): value for label, value in settings.items()}
    members: dict[str, Any] = {"IpPort": key}
    for label, value in LABELS[1:]:
        shown = told.get(label, value)
        members["".join(word[:1].upper() + word[1:] for word in label.split())] = None if shown == "(null)" else shown
    return json.dumps({"SslCertificateBindings": [members]}, indent=2)


def registry_binding(key: str = "0.0.0.0:443", check_mode: int = 0, flags: int = 2, ctl_store: str | None = None) -> str:
    """``reg export`` of SslBindingInfo."""
    path = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\HTTP\Parameters\SslBindingInfo"
    lines = ["Windows Registry Editor Version 5.00", "", f"[{path}]", "", f"[{path}\\{key}]"]
    lines += [f'"AppId"="{IIS_APPLICATION}"', '"SslCertHash"=hex:01,02,03,\\', "  04"]
    lines += [f'"DefaultSslCertCheckMode"=dword:{check_mode:08x}', f'"DefaultFlags"=dword:{flags:08x}']
    lines += [f'"DefaultSslCtlStoreName"="{ctl_store}"'] if ctl_store else []
    return "\r\n".join([*lines, "", ""])


def schannel(values: Mapping[str, int], disabled: Iterable[str] = ()) -> str:
    """``reg query HKLM\\...\\SCHANNEL /s``."""
    path = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL"
    text = f"\n{path}\n    EventLogging    REG_DWORD    0x1\n"
    text += "".join(f"    {name}    REG_DWORD    0x{value:x}\n" for name, value in values.items())
    text += "".join(f"\n{path}\\Protocols\\{name}\\Server\n    Enabled    REG_DWORD    0x0\n" for name in disabled)
    return text + "\n"


def configuration(places: Mapping[str, str], more: str = "") -> str:
    """applicationHost.config with ``access sslFlags`` for each place; "" is the server."""
    inside = "".join(
        f'<location path="{path}"><system.webServer><security><access sslFlags="{flags}" /></security></system.webServer></location>'
        if path
        else f'<system.webServer><security><access sslFlags="{flags}" /></security></system.webServer>'
        for path, flags in places.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<configuration>{inside}{more}</configuration>\n'


def one_to_one(path: str, *certificates: str) -> str:
    """A location with one-to-one mappings to these texts."""
    entries = "".join(f'<add enabled="true" userName="CONTOSO\\\\user" password="" certificate="{text}" />' for text in certificates)
    section = (
        f'<iisClientCertificateMappingAuthentication enabled="true" oneToOneCertificateMappingsEnabled="true"><oneToOneMappings>{entries}'
    )
    section += "</oneToOneMappings></iisClientCertificateMappingAuthentication>"
    inner = f"<system.webServer><security><authentication>{section}</authentication></security></system.webServer>"
    return f'<location path="{path}">{inner}</location>'


# stores


def blob(encoded: bytes, properties: Mapping[int, bytes] | None = None, kind: int = 32) -> bytes:
    """The Blob value of a certificate (or CRL, 33) in the registry."""
    held = {3: sha1(encoded, usedforsecurity=False).digest(), **(properties or {})}
    return b"".join(struct.pack("<III", number, 1, len(value)) + value for number, value in (*held.items(), (kind, encoded)))


LOCAL_MACHINE = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\SystemCertificates"
CURRENT_USER = r"HKEY_CURRENT_USER\Software\Microsoft\SystemCertificates"
POLICY = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\SystemCertificates"
ENTERPRISE = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\EnterpriseCertificates"


def registry_stores(stores: Mapping[str, Iterable[bytes]], *, root: str = LOCAL_MACHINE, header: bool = True, **more: Any) -> str:
    """``reg export`` of SystemCertificates: certificates and CRLs by store. ``properties`` of all, ``ctls``: values of AutoUpdate."""
    lines = ["Windows Registry Editor Version 5.00", ""] if header else []
    for store, members in stores.items():
        lines += [f"[{root}\\{store}]", "", f"[{root}\\{store}\\Certificates]", ""]
        for encoded in members:
            crl = asn1_is_crl(encoded)
            thumbprint = sha1(encoded, usedforsecurity=False).hexdigest().upper()
            record = blob(encoded, more.get("properties"), 33 if crl else 32)
            lines += [f"[{root}\\{store}\\{'CRLs' if crl else 'Certificates'}\\{thumbprint}]", f'"Blob"={_hex(record)}', ""]
    for name, encoded in more.get("ctls", {}).items():
        lines += [f"[{root}\\AuthRoot\\AutoUpdate]", f'"{name}"={_hex(encoded)}', ""]
    return "\r\n".join(lines)


def asn1_is_crl(encoded: bytes) -> bool:
    from chaincheck.formats.classify import Kind, classify

    return classify(encoded) is Kind.CRL


def _hex(data: bytes) -> str:
    pairs = [f"{octet:02x}" for octet in data]
    lines = [",".join(pairs[start : start + 25]) for start in range(0, len(pairs), 25)]
    return "hex:" + ",\\\r\n  ".join(lines)


def listing(name: str, title: str, *certificates: Any, keys: Mapping[int, str] | None = None) -> str:
    """``certutil -store NAME`` for certificates of the test PKI."""
    text = f'{name} "{title}"\n'
    for number, issued in enumerate(certificates):
        certificate = issued.certificate
        digest = sha1(issued.der, usedforsecurity=False).hexdigest()
        root = certificate.issuer == certificate.subject
        text += f"================ Certificate {number} ================\nSerial Number: {issued.serial:02x}\n"
        text += f"Issuer: {certificate.issuer.rfc4514_string()}\n NotBefore: 1/1/2026 1:00 AM\n NotAfter: 1/1/2027 1:00 AM\n"
        text += f"Subject: {certificate.subject.rfc4514_string()}\n"
        text += "Signature matches Public Key\nRoot Certificate: Subject matches Issuer\n" if root else "Non-root Certificate\n"
        text += f"Cert Hash(sha1): {digest}\n"
        text += f"  {(keys or {}).get(number, 'No key provider information')}\n\n"
    return text + "CertUtil: -store command completed successfully.\n"


def trust_list(
    usage: str, identifiers: Iterable[bytes], algorithm: str = "1.3.14.3.2.26", properties: Mapping[int, bytes] | None = None
) -> bytes:
    """A certificate trust list in an unsigned SignedData, as authroot.stl is laid out."""
    attributes = asn1.set_of(
        *(
            asn1.sequence(asn1.oid(f"1.3.6.1.4.1.311.10.11.{number}"), asn1.set_of(asn1.octet_string(value)))
            for number, value in (properties or {}).items()
        )
    )
    subjects = [asn1.sequence(asn1.octet_string(each), attributes if properties else b"") for each in identifiers]
    moment = asn1.tlv(0x17, b"260601000000Z")
    body = asn1.sequence(
        asn1.sequence(asn1.oid(usage)), asn1.octet_string(b"x\0"), asn1.integer(7), moment, asn1.sequence(asn1.oid(algorithm), asn1.tlv(5)),
        asn1.sequence(*subjects),
    )  # fmt: skip
    signed = asn1.sequence(
        asn1.integer(1), asn1.set_of(), asn1.sequence(asn1.oid("1.3.6.1.4.1.311.10.1"), asn1.explicit(0, body)), asn1.set_of()
    )
    return asn1.sequence(asn1.oid("1.2.840.113549.1.7.2"), asn1.explicit(0, signed))
