"""CRLs: what is read agrees with asn1crypto, look-ups are exact, and damage is named."""

from __future__ import annotations

import hashlib
import pickle
import random
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import crl as reference
from cryptography import x509

import asn1
import pki
from chaincheck.x509 import der
from chaincheck.x509.crl import CertificateList
from chaincheck.x509.crl_entries import PATTERN_BYTES, walk

CA = pki.root("CRL Test CA")
WHEN = datetime(2026, 5, 1, tzinfo=UTC)
SECONDS = int(WHEN.timestamp())
REASONS = [None, "keyCompromise", "certificateHold", "superseded"]


def serials(count: int, seed: int = 1) -> list[int]:
    chosen = random.Random(seed)
    return list(dict.fromkeys(chosen.getrandbits(chosen.choice((7, 8, 63, 64, 127, 128, 159))) + 1 for _ in range(count)))


def entry(serial: bytes, tail: bytes = b"", when: bytes | None = None) -> bytes:
    """An entry of encoded parts."""
    return asn1.sequence(serial, when or asn1.time(WHEN), tail)


def crl_of(*entries: bytes) -> bytes:
    """A CRL with these encoded entries, not validly signed."""
    algorithm, signature = CA.key.sign(b"")
    listed = asn1.sequence(*entries)
    body = asn1.sequence(asn1.integer(1), algorithm, CA.subject, asn1.time(WHEN), asn1.time(WHEN + timedelta(days=7)), listed)
    return asn1.sequence(body, algorithm, asn1.bit_string(signature))


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return asn1.sequence(asn1.oid(oid), asn1.boolean(True) if critical else b"", asn1.octet_string(value))


def test_fields_agree_with_asn1crypto() -> None:
    revoked = [(serial, WHEN - timedelta(days=i), REASONS[i % 4]) for i, serial in enumerate(serials(50))]
    encoded = CA.crl(revoked, number=4711)
    ours, theirs = CertificateList(encoded), reference.CertificateList.load(encoded)
    tbs = theirs["tbs_cert_list"]
    assert ours.version == 2
    assert ours.issuer.der == tbs["issuer"].dump()
    assert ours.this_update_s == tbs["this_update"].native.timestamp()
    assert ours.next_update_s == tbs["next_update"].native.timestamp()
    assert ours.number == theirs.crl_number_value.native == 4711
    assert ours.authority_key_identifier is not None
    assert ours.authority_key_identifier.key_identifier == theirs.authority_key_identifier
    assert bytes(ours.tbs) == tbs.dump()
    assert ours.signature == theirs.signature
    assert ours.signature_algorithm == theirs["signature_algorithm"].dump()
    assert ours.faults == ()
    assert ours.entries_fault is None


@pytest.mark.parametrize("count", [50, 2500])
def test_every_entry_agrees_with_asn1crypto(count: int) -> None:
    date = x509.InvalidityDate(WHEN - timedelta(days=400))
    revoked: list[pki.Revoked] = []
    for i, serial in enumerate(serials(count)):
        more: list[pki.Extension] = [(date, False)] if i % 3 == 0 else []
        more += [("1.2.3.4", False, asn1.null())] if i % 50 == 0 else []
        revoked.append((serial, WHEN - timedelta(days=i), REASONS[i % 4], more))
    encoded = CA.crl(revoked)
    ours = CertificateList(encoded)
    for theirs in reference.CertificateList.load(encoded)["tbs_cert_list"]["revoked_certificates"]:
        (found,) = ours.find(theirs["user_certificate"].native)
        assert found.revoked_at_s == theirs["revocation_date"].native.timestamp()
        assert found.reason == (x509_name(theirs.crl_reason_value.native) if theirs.crl_reason_value else None)
        assert found.invalidity_s == (theirs.invalidity_date_value.native.timestamp() if theirs.invalidity_date_value else None)


def x509_name(native: str) -> str:
    """asn1crypto's word for a reason, as RFC 5280 has it."""
    return {"key_compromise": "keyCompromise", "certificate_hold": "certificateHold", "superseded": "superseded"}[native]


def test_a_serial_that_is_not_listed_is_not_found() -> None:
    listed = serials(2000)
    crl = CertificateList(CA.crl([(serial, WHEN, None) for serial in listed]))
    assert all(crl.find(serial) == () for serial in serials(500, seed=2) if serial not in set(listed))
    assert all(len(crl.find(serial)) == listed.count(serial) for serial in listed[::37])


def test_the_bytes_of_a_serial_inside_another_entry_are_no_hit() -> None:
    wanted = 0x1122334455667788
    decoy = extension("1.2.3", entry(asn1.integer(wanted)))
    filling = [entry(asn1.integer(serial)) for serial in serials(4000)]
    crl = CertificateList(crl_of(*filling[:700], *[entry(asn1.integer(0x5555), asn1.sequence(decoy))] * 300, *filling[700:]))
    assert crl.find(wanted) == ()
    assert crl.entries_fault is None
    assert len(crl.find(0x5555)) == 300


def test_the_bytes_of_a_serial_inside_a_crl_extension_are_no_hit() -> None:
    wanted = 0x1122334455667788
    crl = CertificateList(CA.crl([(1, WHEN, None)], extensions=[("1.2.3", False, entry(asn1.integer(wanted)))]))
    assert crl.find(wanted) == ()
    assert crl.find(1)


def test_entries_after_2049_and_negative_and_very_long_serials_are_found() -> None:
    late = asn1.generalized_time(datetime(2050, 1, 1, tzinfo=UTC))
    numbers = [0, -1, -129, 2**159, 2**1100]
    crl = CertificateList(crl_of(*(entry(asn1.integer(number), when=late) for number in numbers)))
    assert [crl.find(number)[0].revoked_at_s for number in numbers] == [2524608000] * 5
    assert crl.entries_fault is None


def test_a_serial_in_more_octets_than_needed_is_a_fault_of_the_list() -> None:
    crl = CertificateList(crl_of(entry(asn1.integer(7)), entry(asn1.tlv(2, b"\x00\x01"))))
    assert crl.entries_fault is not None
    assert "superfluous" in crl.entries_fault.what
    assert crl.find(7)  # the entries before the fault can be looked up


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (entry(asn1.integer(1)) + b"\x00", "where an element should begin"),
        (asn1.sequence(asn1.octet_string(b"1"), asn1.time(WHEN)), "a serial number"),
        (asn1.sequence(asn1.integer(1)), "where an element should begin"),
        (entry(asn1.integer(1), when=asn1.tlv(0x17, b"991301000000Z")[:-1] + b"+"), "a time"),
        (entry(asn1.integer(1), asn1.null()), "extensions"),
        (entry(asn1.integer(1), asn1.sequence(extension("2.5.29.21", asn1.enumerated(7)))), "CRLReason"),
        (entry(asn1.integer(1), asn1.sequence(*[extension("2.5.29.21", asn1.enumerated(1))] * 2)), "twice"),
    ],
)
def test_a_damaged_entry_is_named(damage: bytes, said: str) -> None:
    fault = CertificateList(crl_of(entry(asn1.integer(9)), damage)).entries_fault
    assert fault is not None
    assert said in fault.what


def test_a_date_that_does_not_exist_is_found_where_the_entry_is_looked_up() -> None:
    damaged, whole = entry(asn1.integer(9), when=asn1.tlv(0x17, b"261301000000Z")), entry(asn1.integer(2**100))
    short = CertificateList(crl_of(damaged))
    assert short.entries_fault is not None
    crl = CertificateList(crl_of(damaged, *[whole] * (PATTERN_BYTES // len(whole) + 1)))
    assert crl.entries_fault is None
    with pytest.raises(der.Malformed, match="does not exist"):
        crl.find(9)


def test_unknown_critical_extensions_of_any_entry_are_named() -> None:
    unknown = asn1.sequence(extension("1.2.3", asn1.null(), critical=True))
    crl = CertificateList(crl_of(*(entry(asn1.integer(n)) for n in range(1000)), entry(asn1.integer(5000), unknown)))
    assert crl.unknown_critical_in_entries == ("1.2.3",)
    assert crl.find(5000)[0].unknown_critical == ("1.2.3",)
    assert not crl.names_certificate_issuers


def test_entries_that_name_an_issuer_are_noticed() -> None:
    issuer = asn1.sequence(asn1.tlv(0xA4, pki.name_der("Another CA")))
    crl = CertificateList(crl_of(entry(asn1.integer(1), asn1.sequence(extension("2.5.29.29", issuer, critical=True)))))
    assert crl.names_certificate_issuers
    assert crl.find(1)[0].certificate_issuer[0].kind == "directoryName"


def test_the_issuing_distribution_point_is_read() -> None:
    point = x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier("http://crl.test/1")],
        relative_name=None,
        only_contains_user_certs=True,
        only_contains_ca_certs=False,
        only_some_reasons=frozenset({x509.ReasonFlags.key_compromise, x509.ReasonFlags.aa_compromise}),
        indirect_crl=True,
        only_contains_attribute_certs=False,
    )
    read = CertificateList(CA.crl(extensions=[(point, True)])).issuing_distribution_point
    assert read is not None
    assert [name.value for name in read.full_name] == ["http://crl.test/1"]
    assert (read.only, read.indirect) == ("user", True)
    assert read.some_reasons == frozenset({"keyCompromise", "aACompromise"})


def test_a_delta_crl_is_one() -> None:
    delta = CertificateList(CA.crl(extensions=[(x509.DeltaCRLIndicator(3), True)]))
    assert delta.is_delta
    assert delta.delta_base == 3


def test_departures_that_leave_the_meaning_clear_are_readable_faults() -> None:
    crl = CertificateList(CA.crl(next_update=None))
    assert [(fault.where, fault.readable) for fault in crl.faults] == [("nextUpdate", True)]
    assert crl.next_update_s is None


@pytest.mark.parametrize(
    ("extensions", "where"),
    [
        ([("2.5.29.20", False, asn1.integer(-1))], "extension 2.5.29.20"),
        ([("2.5.29.28", True, asn1.sequence(asn1.implicit(1, b"\x00")))], "extension 2.5.29.28"),
        ([("2.5.29.28", True, asn1.sequence(asn1.implicit(1, b"\xff"), asn1.implicit(2, b"\xff")))], "extension 2.5.29.28"),
        ([("2.5.29.28", True, asn1.sequence(asn1.implicit(2, b"\xff"), asn1.implicit(1, b"\xff")))], "extension 2.5.29.28"),
        ([("2.5.29.28", True, asn1.sequence(asn1.implicit(3, b"\x00\x40")))], "extension 2.5.29.28"),
        ([("2.5.29.27", True, asn1.octet_string(b""))], "extension 2.5.29.27"),
        ([("2.5.29.35", False, asn1.null())], "extension 2.5.29.35"),
    ],
)
def test_a_damaged_extension_is_a_fault(extensions: list[pki.Extension], where: str) -> None:
    assert where in {fault.where for fault in CertificateList(CA.crl(extensions=extensions)).faults if not fault.readable}


def test_the_pattern_and_the_walk_entry_by_entry_agree() -> None:
    chosen = random.Random(11)
    tails = [
        b"",
        asn1.sequence(extension("2.5.29.21", asn1.enumerated(1))),
        asn1.sequence(extension("2.5.29.24", asn1.generalized_time(WHEN))),
        asn1.sequence(extension("2.5.29.24", asn1.generalized_time(WHEN)), extension("2.5.29.21", asn1.enumerated(6))),
        asn1.sequence(extension("2.5.29.21", asn1.enumerated(1), critical=True)),
    ]
    for _ in range(300):
        entries = b"".join(entry(asn1.integer(serial), chosen.choice(tails)) for serial in serials(12, seed=chosen.getrandbits(32)))
        data = bytearray(entries)
        data[chosen.randrange(len(data))] = chosen.randrange(256)
        with_pattern, without = (walk(bytes(data), 0, len(data), pattern_from) for pattern_from in (0, len(data) + 1))
        if without.fault is None or "does not exist" not in without.fault.what:
            assert with_pattern.end == without.end
            assert str(with_pattern.fault) == str(without.fault)
            assert with_pattern.unknown_critical == without.unknown_critical
        else:  # of a date that does not exist, the pattern sees only the digits
            assert with_pattern.end >= without.end


def test_what_has_no_frame_is_malformed() -> None:
    whole = CA.crl([(1, WHEN, None)])
    for wrong in (b"", b"\x30\x00", whole[:-1], whole + b"\x00", b"<html>", whole.replace(b"\x02\x01\x01", b"\x02\x01\x00", 1)):
        with pytest.raises(der.Malformed):
            CertificateList(wrong)


def test_a_crl_pickles_and_is_known_by_its_bytes() -> None:
    crl = CertificateList(CA.crl([(1, WHEN, None)]))
    crl.find(1)
    again = pickle.loads(pickle.dumps(crl))  # noqa: S301 - our own
    assert again == crl
    assert hash(again) == hash(crl)
    assert crl.sha256 == hashlib.sha256(crl.der).digest()
    assert "CRL Test CA" in repr(crl)


def test_mutations_are_malformed_or_read() -> None:
    chosen = random.Random(5)
    whole = CA.crl([(serial, WHEN, REASONS[i % 4]) for i, serial in enumerate(serials(20))])
    for _ in range(500):
        mutated = bytearray(whole)
        for _ in range(chosen.randint(1, 3)):
            mutated[chosen.randrange(len(mutated))] = chosen.randrange(256)
        try:
            crl = CertificateList(bytes(mutated))
            assert crl.faults is not None
            assert crl.entries_fault is None or crl.entries_fault.what
            crl.find(serials(20)[3])
        except der.Malformed:
            continue


def test_an_entry_is_of_the_certificate_issuer_named_last() -> None:
    def issuer(name: str) -> list[pki.Extension]:
        return [("2.5.29.29", True, asn1.sequence(asn1.tlv(0xA4, pki.name_der(name))))]

    listed: list[pki.Revoked] = [
        (1, pki.AT, None),
        (2, pki.AT, None, issuer("A")),
        (3, pki.AT, None),
        (2, pki.AT, None, issuer("B")),
        (3, pki.AT, None),
    ]
    crl = CertificateList(pki.root().crl(listed))
    named = {serial: [[str(each.value) for each in names] for _, names in crl.find_of_issuers(serial)] for serial in (1, 2, 3, 4)}
    assert named == {1: [[]], 2: [["CN=A"], ["CN=B"]], 3: [["CN=A"], ["CN=B"]], 4: []}


def test_a_serial_behind_a_damaged_entry_may_be_listed() -> None:
    torn: pki.Revoked = (5, pki.AT, None, [("2.5.29.21", False, b"\x0a\x01\x07")])
    crl = CertificateList(pki.root().crl([(0x1111111111, pki.AT, None), torn, (0x2222222222, pki.AT, None)]))
    assert [crl.may_list(serial) for serial in (0x1111111111, 5, 0x2222222222, 0x3333333333)] == [False, True, True, False]
    assert not CertificateList(pki.root().crl([(5, pki.AT, None)])).may_list(5)
