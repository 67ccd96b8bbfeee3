"""A diagnosis whose evidence lies in a directory or a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chaincheck
import pki
from chaincheck.causes.codes import Verdict

if TYPE_CHECKING:
    from pathlib import Path

CA = pki.root("File CA")


def ask(url: str, guard: chaincheck.Guard) -> chaincheck.Diagnosis:
    leaf = CA.issue("client", crl_urls=[url])
    store = chaincheck.TrustStore(roots=CA.der, intermediates=(), disallowed=(), crls=())
    return chaincheck.diagnose(leaf.der, store=store, guard=guard, at=pki.AT, cache=None)


def test_a_file_is_read_only_where_the_guard_names_the_scheme(tmp_path: Path) -> None:
    path = tmp_path / "ca.crl"
    path.write_bytes(CA.crl())
    assert ask(path.as_uri(), chaincheck.Guard(schemes=("http", "file"))).accepted
    refused = ask(path.as_uri(), chaincheck.Guard.INTRANET)
    assert refused.verdict is Verdict.UNDETERMINED
    assert [each.outcome.value for each in refused.revocation[0].attempts] == ["refused-by-guard"]


def test_a_directory_without_a_name_is_that_of_the_domain() -> None:
    diagnosis = ask("ldap:///CN=CA,DC=example,DC=com?certificateRevocationList?base", chaincheck.Guard.INTRANET)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "domain controller" in diagnosis.revocation[0].attempts[0].detail
