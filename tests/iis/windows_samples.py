"""Made-up evidence of Windows: output of certutil in two languages, and events of CAPI2."""

from __future__ import annotations

LEAF, ISSUING, ROOT = "a1" * 20, "b2" * 20, "c3" * 20
TASK = "{11111111-2222-3333-4444-555555555555}"

ENGLISH = f"""\
Issuer:
    CN=Example Issuing CA
    O=Example
  Name Hash(sha1): {"0d" * 20}
  Name Hash(md5): {"0e" * 16}
Subject:
    CN=alice
  Name Hash(sha1): {"0f" * 20}
  Name Hash(md5): {"1a" * 16}
Cert Serial Number: 00a1

dwFlags = CA_VERIFY_FLAGS_CONSOLE_TRACE (0x20000000)
ChainFlags = CERT_CHAIN_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT (0x40000000)
HCCE_LOCAL_MACHINE
CERT_CHAIN_POLICY_BASE
-------- CERT_CHAIN_CONTEXT --------
ChainContext.dwInfoStatus = CERT_TRUST_HAS_PREFERRED_ISSUER (0x100)
ChainContext.dwErrorStatus = CERT_TRUST_REVOCATION_STATUS_UNKNOWN (0x40)
ChainContext.dwErrorStatus = CERT_TRUST_IS_OFFLINE_REVOCATION (0x1000000)

SimpleChain.dwInfoStatus = CERT_TRUST_HAS_PREFERRED_ISSUER (0x100)
SimpleChain.dwErrorStatus = CERT_TRUST_REVOCATION_STATUS_UNKNOWN (0x40)
SimpleChain.dwErrorStatus = CERT_TRUST_IS_OFFLINE_REVOCATION (0x1000000)

CertContext[0][0]: dwInfoStatus=102 dwErrorStatus=1000040
  Issuer: CN=Example Issuing CA, O=Example
  NotBefore: 6/1/2026 9:00 AM
  NotAfter: 6/1/2027 9:00 AM
  Subject: CN=alice
  Serial: 00a1
  SubjectAltName: Other Name:Principal Name=alice@example.com
  Template: CA
  Cert: {LEAF}
  Element.dwInfoStatus = CERT_TRUST_HAS_KEY_MATCH_ISSUER (0x2)
  Element.dwInfoStatus = CERT_TRUST_HAS_PREFERRED_ISSUER (0x100)
  Element.dwErrorStatus = CERT_TRUST_REVOCATION_STATUS_UNKNOWN (0x40)
  Element.dwErrorStatus = CERT_TRUST_IS_OFFLINE_REVOCATION (0x1000000)
  ----------------  Certificate AIA  ----------------
  Verified "Certificate (0)" Time: 0 {ISSUING}
    [0.0] http://pki.example.com/issuing.cer

  ----------------  Certificate CDP  ----------------
  Failed "CDP" Time: 0 (null)
    Error retrieving URL: The server name or address could not be resolved 0x80072ee7 (WIN32: 12007 ERROR_WINHTTP_NAME_NOT_RESOLVED)
    http://pki.example.com/issuing.crl

  ----------------  Certificate OCSP  ----------------
  No URLs "None" Time: 0 (null)
  --------------------------------
    CRL (null):
    Issuer: CN=Another CA
    ThisUpdate: 6/1/2026 9:00 AM
  Application[0] = 1.3.6.1.5.5.7.3.2 Client Authentication

CertContext[0][1]: dwInfoStatus=10c dwErrorStatus=0
  Issuer: CN=Example Issuing CA, O=Example
  NotBefore: 6/1/2020 9:00 AM
  NotAfter: 6/1/2040 9:00 AM
  Subject: CN=Example Issuing CA, O=Example
  Serial: {"7b" * 20}
  Cert: {ISSUING}
  Element.dwInfoStatus = CERT_TRUST_HAS_NAME_MATCH_ISSUER (0x4)
  Element.dwInfoStatus = CERT_TRUST_IS_SELF_SIGNED (0x8)
  Element.dwInfoStatus = CERT_TRUST_HAS_PREFERRED_ISSUER (0x100)
  ----------------  Certificate AIA  ----------------
  No URLs "None" Time: 0 (null)
  --------------------------------

Exclude leaf cert:
  Chain: {"1c" * 20}
Full chain:
  Chain: {"1d" * 20}
------------------------------------
Verified Issuance Policies: None
Verified Application Policies:
    1.3.6.1.5.5.7.3.2 Client Authentication
ERROR: Verifying leaf certificate revocation status returned: offline. 0x80092013 (-2146885613 CRYPT_E_REVOCATION_OFFLINE)
CertUtil: The revocation server was offline.
CertUtil: -verify command completed successfully.
"""

# Labels and sentences as a Japanese Windows may have them (made up); marks, flags and codes stay as they are.
JAPANESE = f"""\
発行者:
    CN=見本 CA
サブジェクト:
    CN=花子
証明書シリアル番号: 0b

HCCE_CURRENT_USER
CERT_CHAIN_POLICY_BASE
-------- CERT_CHAIN_CONTEXT --------
ChainContext.dwErrorStatus = CERT_TRUST_IS_UNTRUSTED_ROOT (0x20)
ChainContext.dwErrorStatus = CERT_TRUST_FROM_THE_FUTURE (0x40000000)

CertContext[0][0]: dwInfoStatus=104 dwErrorStatus=0
  発行者： CN=見本 CA
  有効期間の開始: 2026/06/01 9:00
  有効期間の終了: 2027/06/01 9:00
  サブジェクト: CN=花子, OU="総務: 東京"
  シリアル番号: 0b
  証明書: {LEAF}
  ----------------  証明書 AIA  ----------------
  失敗 "AIA" 時間: 0 (null)
    URL の取得中のエラー: 見つかりません 0x80190194 (-2145844844 HTTP_E_STATUS_NOT_FOUND)
    http://pki.example.jp/ca.cer
  ----------------  証明書 CDP  ----------------
  検証済み "Base CRL (04)" 時間: 0 {"4d" * 20}
    [0.0] http://pki.example.jp/ca.crl
  ----------------  証明書 OCSP  ----------------
  URL なし "なし" 時間: 0 (null)
  --------------------------------

CertContext[0][1]: dwInfoStatus=10c dwErrorStatus=40000020
  発行者： CN=見本 CA
  サブジェクト: CN=見本 CA
  シリアル番号: 01
  証明書: {ROOT}
  Element.dwErrorStatus = CERT_TRUST_IS_UNTRUSTED_ROOT (0x20)
  Element.dwErrorStatus = CERT_TRUST_FROM_THE_FUTURE (0x40000000)

証明書チェーンは処理されましたが、信頼されていないルートで終わりました。 0x800b0109 (-2146762487 CERT_E_UNTRUSTEDROOT)
------------------------------------
CertUtil: -verify コマンドは正常に完了しました。
"""


def without_fetching(text: str = ENGLISH) -> str:
    """What -verify prints without -urlfetch: no sections of addresses."""
    kept, inside = [], False
    for line in text.splitlines():
        inside = inside and line.startswith("  ") and line.strip(" -") != ""
        inside = inside or line.strip().startswith("----------------  ")
        if not inside and line.strip() != "-" * 32:
            kept.append(line)
    return "\n".join(kept)


# events


def event(payload: str, *, number: int = 11, moment: str = "2026-06-15T12:00:00.1234567Z", user: str = "S-1-5-18") -> str:
    """An event of the log around a payload."""
    return (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name="Microsoft-Windows-CAPI2"/>'
        f'<EventID>{number}</EventID><TimeCreated SystemTime="{moment}"/><Channel>Microsoft-Windows-CAPI2/Operational</Channel>'
        f'<Security UserID="{user}"/></System><UserData>{payload}</UserData></Event>'
    )


def correlated(sequence: int, task: str = TASK, process: str = "lsass.exe") -> str:
    return f'<EventAuxInfo ProcessName="{process}"/><CorrelationAuxInfo TaskId="{task}" SeqNumber="{sequence}"/>'


def begun(name: str, sequence: int, task: str = TASK) -> str:
    return event(f"<{name}Start>{correlated(sequence, task)}</{name}Start>", number=10)


def certificate(sha1: str, name: str, tag: str = "Certificate") -> str:
    return f'<{tag} fileRef="{sha1.upper()}.cer" subjectName="{name}"/>'


def element(sha1: str, name: str, status: str = '<ErrorStatus value="0"/><InfoStatus value="102"/>', more: str = "") -> str:
    return f"<ChainElement>{certificate(sha1, name)}<TrustStatus>{status}</TrustStatus>{more}</ChainElement>"


def chain(*elements: str, sequence: int = 9, task: str = TASK, status: str = "0", result: str = "0", reference: str = "{C}") -> str:
    """Event 11."""
    return event(
        f'<CertGetCertificateChain>{certificate(LEAF, "alice")}<Flags value="40000000"/><ChainEngineInfo context="machine"/>'
        f'<CertificateChain chainRef="{reference}"><TrustStatus><ErrorStatus value="{status}"/><InfoStatus value="100"/></TrustStatus>'
        f"{''.join(elements)}</CertificateChain>{correlated(sequence, task)}"
        f'<Result value="{result}">Text.</Result></CertGetCertificateChain>'
    )


def wire(url: str, result: str, *, sequence: int, kind: str = "CONTEXT_OID_CRL", task: str = TASK, name: str = "Wire") -> str:
    """Event 53, or with ``name`` "Cache" event 51."""
    return event(
        f'<CryptRetrieveObjectByUrl{name}><URL scheme="http">{url}</URL><Object type="{kind}" constant="2"/><Timeout>PT15S</Timeout>'
        f'{correlated(sequence, task)}<Result value="{result}">Text.</Result></CryptRetrieveObjectByUrl{name}>',
        number=53,
    )


def revocation(sha1: str, name: str, result: str, *, sequence: int, more: str = "", task: str = TASK) -> str:
    """Event 41."""
    return event(
        f"<CertVerifyRevocation>{certificate(sha1, name)}{certificate(ISSUING, 'Example Issuing CA', 'IssuerCertificate')}"
        f'<RevocationStatus index="0" error="{result}" reason="0"/>{more}{correlated(sequence, task)}<Result value="{result}"/>'
        "</CertVerifyRevocation>",
        number=41,
    )


def policy(name: str, result: str, reference: str = "{C}") -> str:
    """Event 30."""
    return event(
        f'<CertVerifyCertificateChainPolicy><Policy type="{name}" constant="4"/>{certificate(LEAF, "alice")}'
        f'<CertificateChain chainRef="{reference}"/><Status chainIndex="0" elementIndex="-1"/>'
        f'{correlated(1, "{99999999-0000-0000-0000-000000000000}")}<Result value="{result}"/></CertVerifyCertificateChainPolicy>',
        number=30,
    )


OFFLINE = (
    '<ErrorStatus value="1000040" CERT_TRUST_REVOCATION_STATUS_UNKNOWN="true" CERT_TRUST_IS_OFFLINE_REVOCATION="true"/>'
    '<InfoStatus value="102" CERT_TRUST_HAS_KEY_MATCH_ISSUER="true"/>'
)

# A check in which no CRL could be had, and the chain of an OCSP signer was built on the way.
UNREACHABLE = "".join(
    (
        begun("CertGetCertificateChain", 1),
        wire("http://pki.example.com/issuing.cer", "2EE7", sequence=2, kind="CONTEXT_OID_CERTIFICATE"),
        begun("CertVerifyRevocation", 3),
        wire("http://ocsp.example.com/", "0", sequence=4, kind="CONTEXT_OID_OCSP_RESP"),
        begun("CertGetCertificateChain", 5),
        chain(element("d4" * 20, "OCSP signer"), sequence=6, reference="{O}"),
        wire("http://pki.example.com/issuing.crl", "0x2ee7", sequence=7),
        revocation(LEAF, "alice", "80092013", sequence=8),
        chain(element(LEAF, "alice", OFFLINE), element(ISSUING, "Example Issuing CA"), sequence=9, status="1000040", result="80092013"),
    )
)
