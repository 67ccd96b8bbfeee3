"""OCSP: the request is what the libraries read, the response agrees with asn1crypto and cryptography, damage is named."""

from __future__ import annotations

import pickle
import random
from datetime import timedelta

import pytest
from asn1crypto import ocsp as reference
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

import asn1
import pki
from chaincheck.x509 import der
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.key import PublicKey
from chaincheck.x509.ocsp import OcspResponse, build_request

CA = pki.root("OCSP Test CA")
CLIENT = CA.issue("client")
KEY = PublicKey.of(CA.key.spki)


@pytest.mark.parametrize("hash_name", ["sha1", "sha256", "sha384", "sha512"])
def test_a_request_asks_what_cryptography_reads(hash_name: str) -> None:
    request = ocsp.load_der_ocsp_request(build_request(Certificate(CLIENT.der), CA.subject, KEY, hash_name, nonce=b"n" * 32))
    assert request.serial_number == CLIENT.serial
    assert request.hash_algorithm.name == hash_name
    assert request.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32


def test_a_request_is_byte_for_byte_that_of_cryptography() -> None:
    theirs = ocsp.OCSPRequestBuilder().add_certificate(CLIENT.certificate, CA.certificate, hashes.SHA1())
    ours = ocsp.load_der_ocsp_request(build_request(Certificate(CLIENT.der), CA.subject, KEY))
    assert ours.issuer_key_hash == theirs.build().issuer_key_hash
    assert ours.issuer_name_hash == theirs.build().issuer_name_hash
    assert reference.OCSPRequest.load(build_request(Certificate(CLIENT.der), CA.subject, KEY), strict=True).native


@pytest.mark.parametrize("by", ["name", "key"])
@pytest.mark.parametrize("status", ["good", "revoked", "unknown"])
@pytest.mark.parametrize("id_hash", ["sha1", "sha256"])
def test_fields_agree_with_asn1crypto(by: str, status: str, id_hash: str) -> None:
    responder = CA.issue_responder()
    cutoff = [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.6"), asn1.generalized_time(pki.AT)), False)]
    encoded = CA.ocsp_response(
        CLIENT, status, responder=responder, by=by, id_hash=id_hash, nonce=b"12345678", reason="superseded", single_extensions=cutoff
    )
    ours, theirs = OcspResponse(encoded), reference.OCSPResponse.load(encoded)
    basic = theirs.basic_ocsp_response
    data, single = basic["tbs_response_data"], basic["tbs_response_data"]["responses"][0]
    assert ours.status == "successful"
    assert ours.produced_at_s == data["produced_at"].native.timestamp()
    assert ours.tbs == data.dump()
    assert ours.signature == basic["signature"].native
    assert ours.nonce == theirs.nonce_value.native
    assert [each.der for each in ours.certificates] == [each.dump() for each in basic["certs"]]
    if by == "name":
        assert ours.responder_name is not None
        assert ours.responder_name.der == data["responder_id"].chosen.dump(force=True) or ours.responder_name.der == responder.subject
    else:
        assert ours.responder_key == data["responder_id"].native
    (answer,) = ours.responses
    assert answer.status == status
    assert answer.certificate.hash == id_hash
    assert answer.certificate.serial == CLIENT.serial
    assert answer.certificate.issuer_key_hash == single["cert_id"]["issuer_key_hash"].native
    assert answer.certificate.is_of(CLIENT.serial, CA.subject, KEY)
    assert answer.this_update_s == single["this_update"].native.timestamp()
    assert answer.next_update_s == single["next_update"].native.timestamp()
    assert answer.archive_cutoff_s == pki.AT.timestamp()
    if status == "revoked":
        revoked = single["cert_status"].chosen
        assert answer.revoked_at_s == revoked["revocation_time"].native.timestamp()
        assert answer.reason == "superseded"


def test_all_answers_of_a_response_are_read() -> None:
    others = [CA.ocsp_single(serial, "revoked" if serial % 2 else "good", next_update=None) for serial in range(1, 40)]
    response = OcspResponse(CA.ocsp_response(CLIENT, more_singles=others))
    assert [each.certificate.serial for each in response.responses] == [CLIENT.serial, *range(1, 40)]
    assert [each.status for each in response.responses[1:5]] == ["revoked", "good", "revoked", "good"]
    assert response.responses[1].next_update_s is None


def test_a_hash_that_is_not_known_names_nobody() -> None:
    identity = OcspResponse(CA.ocsp_response(CLIENT)).responses[0].certificate
    assert not identity._replace(hash="1.2.3").is_by(CA.subject, KEY)
    assert not identity.is_by(pki.name_der("Another CA"), KEY)


@pytest.mark.parametrize(
    ("number", "name"), [(1, "malformedRequest"), (2, "internalError"), (3, "tryLater"), (5, "sigRequired"), (6, "unauthorized")]
)
def test_error_statuses_have_names(number: int, name: str) -> None:
    assert OcspResponse(pki.ocsp_error(number)).status == name


def test_another_response_type_is_not_read_further() -> None:
    wrapped = asn1.sequence(asn1.oid("1.2.3"), asn1.octet_string(b"anything"))
    assert OcspResponse(asn1.sequence(asn1.enumerated(0), asn1.explicit(0, wrapped))).response_type == "1.2.3"


def test_what_is_not_der_of_the_syntax_is_malformed() -> None:
    whole = CA.ocsp_response(CLIENT)
    for wrong in (b"", whole[:-1], whole + b"\x00", pki.ocsp_error(4), pki.ocsp_error(0), b"<!DOCTYPE html>", CA.crl()):
        with pytest.raises(der.Malformed):
            OcspResponse(wrong)


def test_a_bare_nonce_is_taken_as_it_is() -> None:
    assert OcspResponse(CA.ocsp_response(CLIENT, extensions=[("1.3.6.1.5.5.7.48.1.2", False, b"bare octets")])).nonce == b"bare octets"


def test_unknown_critical_extensions_are_named() -> None:
    unknown: list[pki.Extension] = [("1.2.3", True, asn1.null())]
    assert OcspResponse(CA.ocsp_response(CLIENT, extensions=unknown)).unknown_critical == ("1.2.3",)
    assert OcspResponse(CA.ocsp_response(CLIENT, single_extensions=unknown)).responses[0].unknown_critical == ("1.2.3",)


def test_a_response_pickles() -> None:
    response = OcspResponse(CA.ocsp_response(CLIENT, next_update=pki.AT + timedelta(days=1)))
    assert pickle.loads(pickle.dumps(response)) == response  # noqa: S301 - our own


def test_mutations_are_malformed_or_read() -> None:
    chosen = random.Random(6)
    whole = CA.ocsp_response(CLIENT, "revoked", responder=CA.issue_responder(), nonce=b"12345678")
    for _ in range(500):
        mutated = bytearray(whole)
        for _ in range(chosen.randint(1, 3)):
            mutated[chosen.randrange(len(mutated))] = chosen.randrange(256)
        try:
            assert OcspResponse(bytes(mutated)).status
        except der.Malformed:
            continue
