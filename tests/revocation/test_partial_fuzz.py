"""Heaps of CRLs of every kind about one certificate: no order matters, an answer holds as long as it says, no revocation is lost."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

import asn1
import chaincheck
import pki
from chaincheck.causes.codes import Verdict
from pki import AT

if TYPE_CHECKING:
    from datetime import datetime

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ROOT = pki.root("Fuzz Root")
CA = ROOT.issue_ca("Fuzz CA")
ROLLED = ROOT.issue_ca("Fuzz CA", key="p256:rolled")
LISTER = ROOT.issue_ca("Fuzz Lister", key_usage=("cRLSign",))
COMPROMISE = frozenset({x509.ReasonFlags.key_compromise})
OTHERS = frozenset(x509.ReasonFlags) - COMPROMISE - {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}
NAMED = x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Fuzz Lister")]))
POINT = x509.DistributionPoint([x509.UniformResourceIdentifier("http://x/1")], None, None, [NAMED])
LEAF = CA.issue("leaf", extensions=[(x509.CRLDistributionPoints([POINT]), False)])
STORE = chaincheck.TrustStore(roots=ROOT.der, intermediates=[CA.der, ROLLED.der, LISTER.der], disallowed=(), crls=[ROOT.crl()])
REVOKING = CA.crl([(LEAF.serial, AT - DAY, "keyCompromise")])


def some_crl(chosen: random.Random) -> bytes:
    """A CRL of the CA, of its other key or of the CRL issuer: complete or delta, of a point or of none, for all reasons or some."""
    authority = chosen.choice([CA, CA, CA, LISTER, ROLLED])
    entries: list[pki.Revoked] = []
    for _ in range(chosen.choice([0, 0, 0, 1, 2])):
        of: list[pki.Extension] = []
        if authority is LISTER or chosen.random() < 0.1:
            name = pki.name_der(chosen.choice(["Fuzz CA", "Fuzz Lister", "Another"]))
            of = [("2.5.29.29", True, asn1.sequence(asn1.tlv(0xA4, name)))]
        reason = chosen.choice(["certificateHold", "removeFromCRL", "keyCompromise", None])
        entries.append((chosen.choice([LEAF.serial, LEAF.serial, 5]), AT - chosen.randint(1, 5) * DAY, reason, of))
    extensions: list[pki.Extension] = []
    if chosen.random() < 0.4:
        extensions.append((x509.DeltaCRLIndicator(chosen.randint(8, 11)), True))
    elif chosen.random() < 0.2:
        freshest = x509.DistributionPoint([x509.UniformResourceIdentifier("http://x/delta")], None, None, None)
        extensions.append((x509.FreshestCRL([freshest]), False))
    if authority is LISTER or chosen.random() < 0.3:
        url = chosen.choice([None, "http://x/1", "http://x/2"])
        full = [x509.UniformResourceIdentifier(url)] if url else None
        reasons = chosen.choice([None, COMPROMISE, OTHERS])
        point = x509.IssuingDistributionPoint(full, None, chosen.random() < 0.2, False, reasons, True, False)
        extensions.append((point, True))
    return authority.crl(
        entries,
        number=chosen.randint(8, 13),
        extensions=extensions,
        this_update=AT - chosen.randint(1, 50) * HOUR,
        next_update=AT + chosen.choice([-1, 1, 5, 30]) * HOUR,
    )


@pytest.mark.parametrize("rules", [chaincheck.RFC5280, chaincheck.IIS], ids=lambda rules: str(rules.name))
@given(seed=st.integers(min_value=0, max_value=1 << 40))
def test_fuzz_any_heap_of_crls(rules: chaincheck.Rules, seed: int) -> None:
    chosen = random.Random(seed)
    crls = [some_crl(chosen) for _ in range(chosen.randint(1, 5))]
    answers = [CA.ocsp_response(LEAF, chosen.choice(["good", "revoked"]))] if chosen.random() < 0.1 else []

    def ask(at: datetime = AT, *more: bytes) -> chaincheck.Diagnosis:
        given_crls = [*crls, *more]
        chosen.shuffle(given_crls)
        settings: dict[str, Any] = {"store": STORE, "rules": rules, "fetch": "never", "cache": None}
        return chaincheck.diagnose(LEAF.der, crls=given_crls, ocsp_responses=answers, at=at, **settings)

    first = ask()
    assert ask().to_json() == first.to_json()
    for moment in (first.holds_from, first.holds_until):
        assert moment is None or ask(moment).verdict is first.verdict
    assert ask(AT, REVOKING).verdict is Verdict.REFUSED
