"""Certificate trust lists, written here by hand: authroot.stl and disallowedcert.stl as Microsoft lays them out."""

from __future__ import annotations

import hashlib
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import asn1
import pki
from chaincheck.errors import InputError
from chaincheck.formats.ctl import DISALLOWED_LIST, ROOT_LIST, TrustList, is_ctl, parse
from chaincheck.x509.certificate import Certificate
from formats.test_containers import indefinite

if TYPE_CHECKING:
    from collections.abc import Sequence

SHA1, SHA256, SHA384, SHA512 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"
MD5, PROPERTY = "1.2.840.113549.2.5", "1.3.6.1.4.1.311.10.11"
THIS_UPDATE, NEXT_UPDATE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
ROOT = pki.root("Test Root")
CERTIFICATE = Certificate(ROOT.der)


def attribute(oid: str, value: bytes) -> bytes:
    return asn1.sequence(asn1.oid(oid), asn1.set_of(value))


def subject(identifier: bytes, *attributes: bytes) -> bytes:
    return asn1.sequence(asn1.octet_string(identifier), asn1.set_of(*attributes) if attributes else b"")


def content(
    *subjects: bytes, algorithm: str = SHA1, usage: str = ROOT_LIST, head: bytes = b"", next_update: datetime | None = None
) -> bytes:
    """The CertificateTrustList. ``head``: list identifier and sequence number."""
    return asn1.sequence(
        asn1.sequence(asn1.oid(usage)),
        head,
        asn1.time(THIS_UPDATE),
        asn1.time(next_update) if next_update else b"",
        asn1.sequence(asn1.oid(algorithm), asn1.null()),
        asn1.sequence(*subjects),
    )


def signed(inner: bytes, certificates: Sequence[bytes] = (), *, kind: str = "1.3.6.1.4.1.311.10.1") -> bytes:
    """The SignedData around it; the signature does not matter to the reader."""
    data = asn1.sequence(
        asn1.integer(1),
        asn1.set_of(asn1.sequence(asn1.oid(SHA256), asn1.null())),
        asn1.sequence(asn1.oid(kind), asn1.explicit(0, inner)),
        asn1.explicit(0, *certificates) if certificates else b"",
        asn1.set_of(),
    )
    return asn1.sequence(asn1.oid("1.2.840.113549.1.7.2"), asn1.explicit(0, data))


def listing(*subjects: bytes, algorithm: str = SHA1) -> TrustList:
    return parse(signed(content(*subjects, algorithm=algorithm)), "x.stl", 100)


def refused(data: bytes, *, most: int = 100) -> InputError:
    with pytest.raises(InputError) as caught:
        parse(data, "x.stl", most)
    return caught.value


def test_every_field_of_a_list_is_read() -> None:
    thumbprint = hashlib.sha1(ROOT.der).digest()
    entry = subject(
        thumbprint,
        attribute(f"{PROPERTY}.9", asn1.octet_string(b"eku")),
        attribute(f"{PROPERTY}.105", asn1.octet_string(b"policies")),
        attribute("1.2.3.4", asn1.integer(5)),
        attribute(PROPERTY, asn1.octet_string(b"no property")),
        attribute(f"{PROPERTY}.9.1", asn1.octet_string(b"no property")),
    )
    head = asn1.octet_string(b"A\0u\0") + asn1.integer(0x1401D8C0FFEE)
    found = parse(signed(content(entry, head=head, next_update=NEXT_UPDATE), [ROOT.der]), "x.stl", 100)
    assert found.usages == (ROOT_LIST,)
    assert found.list_identifier == b"A\0u\0"
    assert found.sequence_number == 0x1401D8C0FFEE
    assert (found.this_update_s, found.next_update_s) == (THIS_UPDATE.timestamp(), NEXT_UPDATE.timestamp())
    assert found.subject_algorithm == SHA1
    ((identifier, properties),) = found.subjects
    assert identifier == thumbprint
    assert sorted(properties) == [(9, b"eku"), (105, b"policies")]
    assert found.certificates == (ROOT.der,)
    assert found.identifies(CERTIFICATE) is found.subjects[0]


def test_what_is_optional_may_be_absent() -> None:
    found = listing()
    assert (found.list_identifier, found.sequence_number, found.next_update_s, found.subjects, found.certificates) == (
        None,
        None,
        None,
        (),
        (),
    )
    bare = asn1.sequence(asn1.sequence(asn1.oid(DISALLOWED_LIST)), asn1.time(THIS_UPDATE), asn1.sequence(asn1.oid(SHA1)))
    assert parse(signed(bare), "x", 1).usages == (DISALLOWED_LIST,)


def test_the_version_may_be_written_and_extensions_may_follow() -> None:
    inner = content(subject(b"x"), head=asn1.integer(7))
    (usage, *rest) = asn1.parts(inner)
    extended = asn1.sequence(asn1.integer(0), usage, *rest, asn1.explicit(0, asn1.sequence()))
    found = parse(signed(extended), "x", 9)
    assert (found.usages, found.sequence_number, [one.identifier for one in found.subjects]) == ((ROOT_LIST,), 7, [b"x"])


ALGORITHMS = {
    SHA1: "sha1", SHA256: "sha256", SHA384: "sha384", SHA512: "sha512", MD5: "md5", f"{PROPERTY}.3": "sha1", f"{PROPERTY}.107": "sha256",
}  # fmt: skip


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_certificate_is_identified_by_the_hash_that_the_list_declares(algorithm: str) -> None:
    entries = {name: subject(hashlib.new(name, ROOT.der).digest()) for name in ("md5", "sha1", "sha256", "sha384", "sha512")}
    wanted = entries.pop(ALGORITHMS[algorithm])
    assert listing(*entries.values(), wanted, algorithm=algorithm).identifies(CERTIFICATE) is not None
    assert listing(*entries.values(), algorithm=algorithm).identifies(CERTIFICATE) is None
    assert listing(wanted, algorithm=algorithm).algorithm_known


@pytest.mark.parametrize("length", [16, 32])
def test_a_signature_hash_is_of_the_signed_part_and_may_be_its_first_16_bytes(length: int) -> None:
    digest = hashlib.sha256(CERTIFICATE.tbs).digest()[:length]
    found = listing(subject(digest), algorithm=f"{PROPERTY}.15")
    assert found.algorithm_known
    assert found.identifies(CERTIFICATE) == (digest, ())
    assert found.identifies(Certificate(pki.root("Other Root").der)) is None


def test_a_signature_hash_goes_by_the_hash_of_the_signature() -> None:
    issued = pki.root("SHA-1 Root", key="rsa2048", signing_hash="sha1")
    one = Certificate(issued.der)
    assert listing(subject(hashlib.sha1(one.tbs).digest()), algorithm=f"{PROPERTY}.15").identifies(one) is not None
    assert listing(subject(hashlib.sha256(one.tbs).digest()), algorithm=f"{PROPERTY}.15").identifies(one) is None


def test_a_certificate_whose_signature_has_no_hash_or_that_is_damaged_is_not_identified_by_it() -> None:
    for encoded in (pki.root("Ed25519 Root", key="ed25519").der, b"\x30\x00", b""):
        assert listing(subject(b""), subject(bytes(16)), algorithm=f"{PROPERTY}.15").identifies(Certificate(encoded)) is None


def test_a_list_of_an_unknown_algorithm_identifies_nothing_and_says_so() -> None:
    found = listing(subject(hashlib.sha1(ROOT.der).digest()), algorithm="1.2.3")
    assert not found.algorithm_known
    assert found.identifies(CERTIFICATE) is None


def test_of_two_entries_of_one_certificate_the_first_counts() -> None:
    thumbprint = hashlib.sha1(ROOT.der).digest()
    found = listing(subject(thumbprint, attribute(f"{PROPERTY}.104", asn1.octet_string(b""))), subject(thumbprint))
    assert found.identifies(CERTIFICATE) == (thumbprint, ((104, b""),))


def test_the_content_may_be_an_octet_string_or_ber() -> None:
    inner = content(subject(b"x"))
    plain = parse(signed(inner, [ROOT.der]), "x", 9)
    assert parse(signed(asn1.octet_string(inner), [ROOT.der]), "x", 9) == plain
    pieces = asn1.tlv(0x24, asn1.octet_string(inner[:9]), asn1.octet_string(inner[9:]))
    assert parse(signed(pieces, [ROOT.der]), "x", 9) == plain
    assert parse(indefinite(signed(inner, [ROOT.der]), 4), "x", 9) == plain


def test_a_list_can_be_pickled_and_compared() -> None:
    found = listing(subject(hashlib.sha1(ROOT.der).digest()))
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 - our own bytes
    assert again == found
    assert hash(again) == hash(found)
    assert again.identifies(CERTIFICATE) == found.subjects[0]


def test_a_trust_list_is_recognised_by_its_beginning() -> None:
    data = signed(content(subject(b"x")))
    assert is_ctl(data)
    assert is_ctl(indefinite(data, 4))
    assert not is_ctl(signed(content(), kind="1.2.840.113549.1.7.1"))
    for other in (b"", b"\x30", ROOT.der, pki.p7b(ROOT)):
        assert not is_ctl(other)


DAMAGES = {
    "nothing": b"",
    "a certificate": ROOT.der,
    "a PKCS#7 of certificates": pki.p7b(ROOT),
    "cut off": signed(content(subject(b"x")))[:-9],
    "no content": signed(b""),
    "an INTEGER in place of the list": signed(asn1.integer(1)),
    "an OCTET STRING of something else": signed(asn1.octet_string(b"\x02\x01\x01")),
    "an empty list": signed(asn1.sequence()),
    "no algorithm": signed(asn1.sequence(asn1.sequence(), asn1.time(THIS_UPDATE))),
    "an empty algorithm": signed(asn1.sequence(asn1.sequence(), asn1.time(THIS_UPDATE), asn1.sequence())),
    "a date that does not exist": signed(content().replace(b"260301", b"260231")),
    "a usage that is no OID": signed(asn1.sequence(asn1.sequence(asn1.integer(1)))),
    "a subject without identifier": signed(content(asn1.sequence())),
    "a subject that is no SEQUENCE": signed(content(asn1.integer(1))),
    "attributes that are no SET": signed(content(asn1.sequence(asn1.octet_string(b"x"), asn1.sequence()))),
    "a property that is no OCTET STRING": signed(content(subject(b"x", attribute(f"{PROPERTY}.104", asn1.integer(1))))),
    "a sequence number of 65 bytes": signed(content(head=asn1.integer(1 << 512))),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_is_no_trust_list_is_refused(kind: str) -> None:
    fault = refused(DAMAGES[kind])
    assert fault.code == "damaged-ctl"
    assert fault.where.startswith("x.stl, byte ")


def test_more_members_than_wanted_are_refused() -> None:
    assert refused(signed(content(*(subject(bytes([number])) for number in range(4)))), most=3).code == "too-many"
    assert refused(signed(content(), [ROOT.der] * 4), most=3).code == "too-many"
