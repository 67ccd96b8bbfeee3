"""Microsoft's "All application policies" (szOID_ANY_APPLICATION_POLICY) is to Application Policies what anyExtendedKeyUsage is to EKU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import asn1
import pki
from chaincheck.causes.codes import Verdict
from path.judging import IIS, OPENSSL, RFC5280, judge

if TYPE_CHECKING:
    from chaincheck.rules import Rules

ROOT = pki.root()
ANY = "1.3.6.1.4.1.311.10.12.1"
POLICIES = ("1.3.6.1.4.1.311.21.10", False, asn1.sequence(asn1.sequence(asn1.oid(ANY))))


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        (IIS, Verdict.UNDETERMINED),
        (replace(IIS, any_eku="yes"), Verdict.ACCEPTED),
        (replace(IIS, any_eku="no"), Verdict.REFUSED),
        (RFC5280, Verdict.ACCEPTED),
        (OPENSSL, Verdict.REFUSED),
    ],
)
def test_all_application_policies_are_judged_as_any_extended_key_usage(rules: Rules, verdict: Verdict) -> None:
    assert judge(ROOT.issue("client", extensions=(POLICIES,)), [ROOT], rules=rules).verdict is verdict


@pytest.mark.parametrize(("rules", "verdict"), [(IIS, Verdict.UNDETERMINED), (OPENSSL, Verdict.REFUSED)])
def test_in_extended_key_usage_it_counts_as_well(rules: Rules, verdict: Verdict) -> None:
    assert judge(ROOT.issue("client", eku=(ANY,)), [ROOT], rules=rules).verdict is verdict


def test_rfc_5280_does_not_know_it_in_extended_key_usage() -> None:
    assert judge(ROOT.issue("client", eku=(ANY,)), [ROOT], rules=RFC5280).verdict is Verdict.UNDETERMINED
