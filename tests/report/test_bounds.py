"""A report stays readable whatever a stranger's certificate is full of."""

from __future__ import annotations

from dataclasses import replace

import asn1
import chaincheck
import pki


def many_causes(count: int) -> chaincheck.Diagnosis:
    """As many causes as there are certificates in Root that do not sign themselves (KB 2802568)."""
    root = pki.root()
    strangers = [root.issue_ca(f"CA {number}", key="p256:one").der for number in range(count)]
    store = chaincheck.TrustStore(roots=[root.der, *strangers], intermediates=[])
    rules = replace(chaincheck.IIS, revocation="off")
    return chaincheck.diagnose(root.issue("client").der, store=store, rules=rules, at=pki.AT, fetch="never")


def test_the_text_shows_fifty_causes_and_counts_the_rest() -> None:
    diagnosis = many_causes(60)
    assert len(diagnosis.causes) >= 60
    text = diagnosis.to_text()
    assert f"and {len(diagnosis.causes) - 50} more" in text
    assert "[50]" in text
    assert "[51]" not in text
    assert "他" in diagnosis.to_text(lang="ja") or "ほか" in diagnosis.to_text(lang="ja")


def test_the_json_holds_every_cause() -> None:
    diagnosis = many_causes(60)
    assert len(diagnosis.to_dict()["causes"]) == len(diagnosis.causes)


def test_as_many_causes_as_fit_are_shown_without_a_count() -> None:
    diagnosis = many_causes(10)
    assert "more" not in diagnosis.to_text().partition("Causes")[2].partition("not signed")[0]
    assert f"[{len(diagnosis.causes)}]" in diagnosis.to_text()


def test_a_certificate_of_four_thousand_critical_extensions_has_a_short_report() -> None:
    root = pki.root()
    encoded = [asn1.sequence(asn1.oid(f"1.2.3.{number}"), asn1.boolean(True), asn1.octet_string(b"")) for number in range(4000)]
    der = root.issue("client", encoded_extensions=encoded).der
    diagnosis = chaincheck.diagnose(der, store=chaincheck.TrustStore(roots=root.der), rules=chaincheck.OPENSSL, at=pki.AT, fetch="never")
    assert not diagnosis.accepted
    assert len(diagnosis.to_text()) < 100_000
    assert len(diagnosis.to_json()) < 2_000_000  # 10 MB before there were bounds
