"""What certutil -store prints, in several languages and layouts."""

from __future__ import annotations

import pytest

from chaincheck.formats.certutil_store import KeyState, ListedCertificate, ListedCrl, ListedStore, looks_like, parse
from chaincheck.formats.loaded import NoteCode

HASH = "0123456789abcdef0123456789abcdef01234567"
CLIENT_HASH = "fedcba9876543210fedcba9876543210fedcba98"
DONE = "CertUtil: -store command completed successfully.\n"
ROOT = f"""\
Root "Trusted Root Certification Authorities"
================ Certificate 0 ================
Serial Number: 00a1
Issuer: CN=Test Root, O=Example, C=JP
 NotBefore: 1/1/2020 9:00 AM
 NotAfter: 1/1/2045 9:00 AM
Subject: CN=Test Root, O=Example, C=JP
CA Version: V0.0
Signature matches Public Key
Root Certificate: Subject matches Issuer
Cert Hash(sha1): 01 23 45 67 89 ab cd ef 01 23 45 67 89 ab cd ef 01 23 45 67
No key provider information
Cannot find the certificate and private key for decryption.

================ Certificate 1 ================
Serial Number: 5800000002CA
Issuer: CN=Test Root, O=Example, C=JP
 NotBefore: 1/1/2022 9:00 AM
 NotAfter: 1/1/2040 9:00 AM
Subject: CN=Test Issuing CA, O=Example, C=JP
Certificate Template Name (Certificate Type): SubCA
Non-root Certificate
Template: SubCA, Subordinate Certification Authority
Cert Hash(sha1): {CLIENT_HASH.upper()}
No key provider information
Missing stored keyset
{DONE}"""


def only(text: str) -> ListedStore:
    (store,), notes = parse(text, "x.txt")
    assert not notes
    return store


def certificate(text: str) -> ListedCertificate:
    (found,) = only(text).certificates
    return found


def block(*after: str, subject: str = "CN=client", issuer: str = "CN=Test CA", about: str = "") -> str:
    """One certificate of the store MY, with lines after its hash."""
    lines = (
        'my "Personal"', "================ Certificate 0 ================", "Serial Number: 0b", f"Issuer: {issuer}",
        " NotBefore: 1/1/2026 9:00 AM", " NotAfter: 1/1/2027 9:00 AM", f"Subject: {subject}", *([about] if about else ()),
        f"Cert Hash(sha1): {HASH}", *after,
    )  # fmt: skip
    return "\n".join(lines) + "\n" + DONE


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_store_is_read_with_what_is_misplaced_in_it(ends: str) -> None:
    store = only(ROOT.replace("\n", ends))
    assert (store.name, store.title, store.user, store.crls) == ("Root", "Trusted Root Certification Authorities", False, ())
    assert store.certificates == (
        ListedCertificate(
            number=0, serial="00a1", issuer="CN=Test Root, O=Example, C=JP", subject="CN=Test Root, O=Example, C=JP",
            sha1=HASH, root=True, key="none",
        ),
        ListedCertificate(
            number=1, serial="5800000002ca", issuer="CN=Test Root, O=Example, C=JP", subject="CN=Test Issuing CA, O=Example, C=JP",
            sha1=CLIENT_HASH, root=False, key="none",
        ),
    )  # fmt: skip


CHINESE = f"""\
Root "受信任的根证书颁发机构"
================ 证书 0 ================
序列号: 00a1
颁发者: CN=Test Root
 NotBefore: 2026/1/1 8:00
 NotAfter: 2036/1/1 8:00
使用者: CN=Test Root
签名匹配公钥
根证书: 使用者与颁发者匹配
证书哈希(sha1): {HASH}
没有密钥提供程序信息
CertUtil: -store 命令成功完成。
"""
GERMAN = f"""\
My "Eigene Zertifikate"
================ Zertifikat 0 ================
Seriennummer: 00a1
Aussteller: CN=Test Root
 Nicht vor: 01.01.2026 01:00
 Nicht nach: 01.01.2027 01:00
Antragsteller: CN=www.example.com
Kein Stammzertifikat
Vorlage: WebServer
Zertifikathash(sha1): {HASH}
  Schl\ufffdsselcontainer = job-1
  Eindeutiger Containername: a11a37ef
  Anbieter = Microsoft Software Key Storage Provider
Verschl\ufffdsselungstest wurde durchgef\ufffdhrt
CertUtil: -store-Befehl wurde erfolgreich ausgef\ufffdhrt.
"""
JAPANESE = f"""\
================ 証明書 0 ================
シリアル番号: 00a1
発行者: CN=Test Root
 この日以降: 2026/01/01 9:00
 この日以前: 2027/01/01 9:00
サブジェクト: CN=クライアント
証明書ハッシュ(sha1): {HASH}
キー コンテナー = x
CertUtil: -store コマンドは正常に完了しました。
"""
FRENCH = f"""\
My "Personnel"
================ Certificat 0 ================
Numéro de série\u00a0: 00a1
Émetteur\u00a0: CN=Test Root
 NotBefore\u00a0: 01/01/2026 01:00
 NotAfter\u00a0: 01/01/2027 01:00
Objet\u00a0: CN=Test Root
Hach. cert. (sha1)\u00a0: {HASH}
CertUtil: -store La commande s’est terminée correctement.
"""


@pytest.mark.parametrize(
    ("text", "name", "subject", "root", "key"),
    [
        (CHINESE, "Root", "CN=Test Root", True, "none"),
        (GERMAN, "My", "CN=www.example.com", False, "present"),
        (JAPANESE, None, "CN=クライアント", False, None),
        (FRENCH, "My", "CN=Test Root", True, None),
    ],
)
def test_the_language_of_windows_does_not_matter(text: str, name: str | None, subject: str, root: bool, key: KeyState | None) -> None:
    store = only(text)
    assert store.name == name
    assert store.certificates == (
        ListedCertificate(number=0, serial="00a1", issuer="CN=Test Root", subject=subject, sha1=HASH, root=root, key=key),
    )


CONTAINER = ("  Key Container = x", "  Unique container name: y", "  Provider = Microsoft Software Key Storage Provider")
KEYS: dict[str, tuple[tuple[str, ...], KeyState | None]] = {
    "a test that passed": ((*CONTAINER, "Private key is NOT exportable", "Signature test passed"), "present"),
    "an encryption test that passed": ((*CONTAINER, "Encryption test passed"), "present"),
    "a missing keyset": ((*CONTAINER, "Missing stored keyset"), "missing"),
    "the code of a missing keyset": ((*CONTAINER, "Keyset does not exist 0x80090016 (-2146893802 NTE_BAD_KEYSET)"), "missing"),
    "no provider": (("No key provider information",), "none"),
    "no provider and no keyset": (("No key provider information", "Missing stored keyset"), "none"),
    "a test that failed": ((*CONTAINER, "Signature test FAILED"), "unusable"),
    "one test that passed, one that failed": ((*CONTAINER, "Signature test passed", "Encryption test FAILED"), "unusable"),
    "no access": ((*CONTAINER, "Access is denied. 0x80070005 (WIN32: 5 ERROR_ACCESS_DENIED)"), "unusable"),
    "another key": ((*CONTAINER, "ERROR: Certificate public key does NOT match stored keyset"), "unusable"),
    "a container and nothing else": (CONTAINER, None),
    "nothing": ((), None),
}


@pytest.mark.parametrize("case", KEYS)
def test_the_state_of_the_key_is_read(case: str) -> None:
    lines, key = KEYS[case]
    assert certificate(block(*lines)).key == key


def test_a_certificate_says_nothing_about_its_key_by_what_it_is_called() -> None:
    assert certificate(block(subject="CN=Signature test passed", about="Template: Signature test passed")).key is None
    assert certificate(block("  Key Container = Signature test passed")).key is None


def test_a_failed_command_says_nothing_about_the_last_key() -> None:
    text = block("Signature test passed").replace(DONE, "CertUtil: -store command FAILED: 0x80090016 (-2146893802 NTE_BAD_KEYSET)\n")
    assert certificate(text).key == "present"


@pytest.mark.parametrize("subject", ["CN=certutil -store Root", 'CN=Root "x"', "CN=CertUtil: -store", "CN===== 1 =====", "CN=a: b=c"])
def test_a_certificate_cannot_end_the_listing_by_what_it_is_called(subject: str) -> None:
    assert certificate(block(subject=subject)).subject == subject


def test_an_empty_subject_is_kept_as_it_is_written() -> None:
    found = certificate(block(subject="EMPTY (DNS Name=client.example)"))
    assert (found.subject, found.root) == ("EMPTY (DNS Name=client.example)", False)


def test_an_archived_certificate_and_one_in_a_nested_heading_are_read() -> None:
    text = block().replace("Serial", "================ Begin Nesting Level 1 ================\nElement 0:\nArchived!\nSerial")
    assert (certificate(text).number, certificate(text).serial) == (0, "0b")


def test_the_verbose_form_is_read() -> None:
    text = f"""\
my "Personal"
================ Certificate 3 ================
X509 Certificate:
Version: 3
Serial Number: 0b
Signature Algorithm:
    Algorithm ObjectId: 1.2.840.113549.1.1.11 sha256RSA
    Algorithm Parameters:
    05 00
Issuer:
    CN=Test CA
    O=Example
  Name Hash(sha1): {"11" * 20}
  Name Hash(md5): {"22" * 16}

 NotBefore: 1/1/2026 9:00 AM
 NotAfter: 1/1/2027 9:00 AM

Subject:
    CN=client
    O=Example
  Name Hash(sha1): {"33" * 20}
Key Id Hash(sha1): {"44" * 20}
Cert Hash(md5): {"55" * 16}
Cert Hash(sha1): {HASH}
Cert Hash(sha256): {"66" * 32}
  Key Container = x
Encryption test passed
{DONE}"""
    assert certificate(text) == ListedCertificate(
        number=3, serial="0b", issuer="CN=Test CA, O=Example", subject="CN=client, O=Example", sha1=HASH, root=False, key="present"
    )


def test_a_listing_that_is_indented_as_a_whole_is_read() -> None:
    assert only("".join(f"    {line}\n" for line in ROOT.splitlines())) == only(ROOT)


def test_crls_are_listed_with_their_times() -> None:
    text = f"""\
CA "Intermediate Certification Authorities"
================ CRL 0 ================
Issuer: CN=Test CA, O=Example
 ThisUpdate: 6/1/2026 9:00 AM
 NextUpdate: 6/8/2026 9:00 AM
CRL Entries: 3
CRL Number=1a
CRL Hash(sha1): {HASH}

================ CRL 1 ================
Issuer:
    CN=Old CA
 This Update: 6/1/2016 9:00 AM
CRL Hash(sha1): {CLIENT_HASH}
{DONE}"""
    store = only(text)
    assert store.certificates == ()
    assert store.crls == (
        ListedCrl(0, "CN=Test CA, O=Example", "6/1/2026 9:00 AM", "6/8/2026 9:00 AM", HASH),
        ListedCrl(1, "CN=Old CA", "6/1/2016 9:00 AM", None, CLIENT_HASH),
    )


def test_a_crl_whose_word_is_not_known_is_told_by_its_lines() -> None:
    heading = "================ Sperrliste 0 ================"
    text = f"{heading}\nAussteller: CN=Test CA\n Ab: 01.06.2026 09:00\n Bis: 08.06.2026 09:00\nHash(sha1): {HASH}\n"
    assert only(text).crls == (ListedCrl(0, "CN=Test CA", "01.06.2026 09:00", "08.06.2026 09:00", HASH),)


def test_several_stores_stand_in_one_file_and_an_empty_one_is_one() -> None:
    empty = f'ClientAuthIssuer "Client Authentication Issuers"\n{DONE}'
    stores, notes = parse(
        f"C:\\> certutil -store Root\n{ROOT}\nC:\\> certutil -user -store my\n{block()}\nPS C:\\> & certutil.exe -store x\n{empty}", "x"
    )
    assert not notes
    assert [(store.name, store.user, len(store.certificates)) for store in stores] == [
        ("Root", False, 2), ("my", True, 1), ("ClientAuthIssuer", False, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["certutil -store -user Test", "certutil.exe -user -v -store Test", "X:\\>certutil -USER -STORE Test"])
def test_a_store_without_a_title_stands_under_its_name_and_the_command_tells_whose_it_is(command: str) -> None:
    store = only(f"{command}\n\nTestStore\n" + block().partition("\n")[2])
    assert (store.name, store.title, store.user) == ("TestStore", None, True)


def test_a_store_whose_heading_is_lost_has_no_name_and_is_not_mixed_with_the_one_before() -> None:
    headless = block().partition("\n")[2]
    stores, _ = parse(ROOT.removesuffix(DONE) + headless, "x")
    assert [(store.name, len(store.certificates)) for store in stores] == [("Root", 2), (None, 1)]
    assert only("Here is the listing:\n" + headless).name is None


def test_a_block_without_its_hash_is_told_and_left_out() -> None:
    (store,), notes = parse(ROOT.replace(" 45 67\n", " 45\n"), "x.txt")
    assert [one.number for one in store.certificates] == [1]
    assert [(note.code, note.where) for note in notes] == [(NoteCode.DAMAGED_MEMBER, "x.txt, line 2")]


def test_a_certificate_without_its_serial_is_kept_with_a_note() -> None:
    (store,), notes = parse(block().replace("Serial Number: 0b\n", ""), "x.txt")
    assert [(one.serial, one.sha1) for one in store.certificates] == [("", HASH)]
    assert [note.where for note in notes] == ["x.txt, line 2"]


def test_a_trust_list_in_a_store_is_told() -> None:
    (store,), notes = parse(f'Trust "Enterprise Trust"\n================ CTL 0 ================\nList: x\n{DONE}', "x.txt")
    assert (store.certificates, [note.code for note in notes]) == ((), [NoteCode.UNRELATED_MEMBER])


def test_more_than_wanted_is_cut_with_a_note() -> None:
    (store,), notes = parse(ROOT, "x.txt", most=1)
    assert len(store.certificates) == 1
    assert [note.code for note in notes] == [NoteCode.CUT]


def test_a_store_that_is_cut_off_at_its_heading_does_not_pass_for_an_empty_one() -> None:
    stores, notes = parse(ROOT + block(), "x.txt", most=2)
    assert [store.name for store in stores] == ["Root"]
    assert [note.code for note in notes] == [NoteCode.CUT]


def test_more_than_a_thousand_stores_are_cut_with_a_note() -> None:
    stores, notes = parse('a "b"\n' * 3000, "x.txt")
    assert len(stores) == 1000
    assert [(note.code, note.where) for note in notes] == [(NoteCode.CUT, "x.txt, line 1001")]


def test_listings_are_recognised_in_every_language() -> None:
    for text in (ROOT, CHINESE, GERMAN, JAPANESE, FRENCH, f'my "Personal"\n{DONE}', ROOT.replace("\n", "\r\n")):
        assert looks_like(text)
    for text in (
        "",
        "================ Test 1 ================\nok\n",
        "Cert Hash(sha1): 00",
        "Issuer: CN=x",
        "-----BEGIN CERTIFICATE-----",
    ):
        assert not looks_like(text)


def test_text_that_is_no_listing_gives_no_store() -> None:
    assert parse("Issuer: CN=x\nSubject: CN=y\n", "x") == ((), ())
