"""The catalogue is complete, consistent, and never more certain than its sources."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from chaincheck.causes.catalogue import catalogue, read_toml
from chaincheck.causes.codes import CauseCode, DocumentedCause, Gate, Role, Severity
from chaincheck.causes.facts import FACTS
from chaincheck.causes.windows import Mark
from chaincheck.iis.tables import Family, codes

DATA = read_toml("catalogue.toml")
ROWS = list(catalogue().rows.values())


@pytest.mark.parametrize("code", CauseCode)
def test_every_code_has_facts_and_a_row(code: CauseCode) -> None:
    assert code in FACTS
    assert any(row.code is code for row in ROWS)


def test_no_code_and_role_has_two_rows() -> None:
    assert len(ROWS) == sum(len(entry["roles"]) for entry in DATA["cause"])


@pytest.mark.parametrize("role", [Role.SUBJECT, Role.INTERMEDIATE, Role.ANCHOR])
def test_whatever_a_path_element_can_suffer_has_a_row_for_its_role(role: Role) -> None:
    about_any_element = {
        CauseCode.MALFORMED, CauseCode.DISTRUSTED, CauseCode.EXPIRED, CauseCode.NOT_YET_VALID, CauseCode.REVOKED, CauseCode.ON_HOLD,
        CauseCode.BAD_SIGNATURE, CauseCode.WEAK_SIGNATURE, CauseCode.WEAK_KEY, CauseCode.WRONG_EXTENDED_KEY_USAGE,
        CauseCode.ANY_EXTENDED_KEY_USAGE, CauseCode.WRONG_KEY_USAGE, CauseCode.UNKNOWN_CRITICAL_EXTENSION, CauseCode.CONSTRAINT_NOT_JUDGED,
        CauseCode.ALGORITHM_UNSUPPORTED_HERE, CauseCode.NAME_NOT_PERMITTED, CauseCode.POLICY_NOT_SATISFIED, CauseCode.UNTRUSTED_ROOT,
        CauseCode.ISSUER_NOT_FOUND, CauseCode.INTERMEDIATE_MISSING, CauseCode.REVOCATION_UNREACHABLE, CauseCode.REVOCATION_STALE,
        CauseCode.REVOCATION_NOT_FETCHED, CauseCode.REVOCATION_REFUSED_BY_GUARD, CauseCode.NOT_A_CA, CauseCode.PATH_TOO_LONG,
    }  # fmt: skip
    assert {code for code in about_any_element if (code, role) not in catalogue().rows} == set()


def test_a_role_nobody_foresaw_takes_no_documented_cause_and_no_codes_with_it() -> None:
    row = catalogue().row(CauseCode.NO_PRIVATE_KEY, Role.STORE)
    assert (row.role, row.documented, row.windows) == (Role.STORE, None, None)
    assert row.gate is Gate.OFFER


def documented(cause: DocumentedCause) -> set[tuple[str, str]]:
    return {(row.code.value, row.role.value) for row in ROWS if row.documented is cause}


def test_dates_keys_and_revocation_are_documented_for_the_client_certificate_alone() -> None:
    assert documented(DocumentedCause.NOT_WITHIN_VALIDITY) == {("expired", "subject"), ("not-yet-valid", "subject")}
    assert documented(DocumentedCause.REVOKED) == {("revoked", "subject"), ("on-hold", "subject")}
    assert documented(DocumentedCause.NO_USABLE_CERTIFICATE) == {
        ("no-certificate", "subject"),
        ("no-private-key", "subject"),
        ("private-key-mismatch", "subject"),
        ("private-key-unusable", "subject"),
        ("malformed", "subject"),
    }


def test_a_root_that_is_not_installed_is_documented_wherever_the_path_ends() -> None:
    found = documented(DocumentedCause.ROOT_NOT_INSTALLED)
    assert {code for code, _ in found} == {"untrusted-root", "issuer-not-found", "root-in-wrong-store"}
    assert "signer" not in {role for _, role in found}


def test_the_order_of_action_is_the_one_table() -> None:
    order = [
        (CauseCode.DISTRUSTED, Role.SUBJECT), (CauseCode.REVOKED, Role.SUBJECT),
        (CauseCode.NO_CERTIFICATE, Role.SUBJECT), (CauseCode.NO_PRIVATE_KEY, Role.SUBJECT),
        (CauseCode.PRIVATE_KEY_MISMATCH, Role.SUBJECT), (CauseCode.PRIVATE_KEY_UNUSABLE, Role.SUBJECT),
        (CauseCode.MALFORMED, Role.SUBJECT), (CauseCode.EXPIRED, Role.SUBJECT),
        (CauseCode.NOT_YET_VALID, Role.SUBJECT), (CauseCode.UNTRUSTED_ROOT, Role.ANCHOR),
        (CauseCode.ISSUER_NOT_FOUND, Role.SUBJECT), (CauseCode.INTERMEDIATE_MISSING, Role.SUBJECT),
        (CauseCode.ROOT_IN_WRONG_STORE, Role.ANCHOR), (CauseCode.NOT_SELF_SIGNED_IN_ROOT, Role.INTERMEDIATE),
        (CauseCode.BAD_SIGNATURE, Role.SUBJECT), (CauseCode.NOT_A_CA, Role.INTERMEDIATE),
        (CauseCode.PATH_TOO_LONG, Role.INTERMEDIATE), (CauseCode.NAME_NOT_PERMITTED, Role.SUBJECT),
        (CauseCode.POLICY_NOT_SATISFIED, Role.SUBJECT), (CauseCode.WRONG_EXTENDED_KEY_USAGE, Role.SUBJECT),
        (CauseCode.WRONG_KEY_USAGE, Role.SUBJECT), (CauseCode.REVOCATION_UNREACHABLE, Role.SUBJECT),
        (CauseCode.REVOCATION_STALE, Role.SUBJECT), (CauseCode.SEARCH_CUT, Role.SUBJECT),
    ]  # fmt: skip
    ranks = [catalogue().row(*each).rank for each in order]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


def test_what_is_blamed_exists() -> None:
    for row in ROWS:
        known = {field.name for field in fields(FACTS[row.code])} | {"certificate", "certificate.issuer"}
        assert set(row.blame) <= known, row.code


SERVER_SIDE = {"stop-sending-issuer-list", "shorten-issuer-list", "reissue-with-sid"}  # documented elsewhere than in KB 186812 and its kin


def test_codes_that_leave_the_question_open_are_never_proven() -> None:
    open_codes = {row.code for row in ROWS if not row.proven}
    assert open_codes == {
        CauseCode.ANY_EXTENDED_KEY_USAGE,
        CauseCode.REVOCATION_REFUSED_BY_GUARD,
        CauseCode.REVOCATION_NOT_FETCHED,
        CauseCode.ALGORITHM_UNSUPPORTED_HERE,
        CauseCode.CONSTRAINT_NOT_JUDGED,
        CauseCode.SEARCH_CUT,
    }


def test_hex_signed_and_unsigned_say_the_same() -> None:
    for name, forms in DATA["hresult"].items():
        unsigned = int(forms["hex"], 16)
        assert forms["unsigned"] == unsigned, name
        assert forms["signed"] == unsigned - 2**32, name
    for row in ROWS:
        if row.windows is not None and row.windows.hresult is not None:
            code = row.windows.hresult
            assert (code.signed, code.hex) == (DATA["hresult"][code.name]["signed"], DATA["hresult"][code.name]["hex"])


def test_flags_are_single_bits() -> None:
    for name, value in DATA["trust_status"].items():
        assert int(value, 16).bit_count() == 1, name


def test_marks_are_three_words_and_statuses_are_those_that_are_explained() -> None:
    known = {code.name for code in codes() if code.family is Family.STATUS}
    for row in ROWS:
        if row.windows is not None:
            for status in (row.windows.iis, *row.windows.also):
                assert status is None or status.status in known
    assert {mark.value for mark in Mark} == {"documented", "reported", "inferred"}


@pytest.mark.parametrize(
    ("code", "role", "flag", "hresult", "iis"),
    [
        ("expired", "subject", "documented", "inferred", "403.17 documented"),
        ("expired", "intermediate", "documented", "reported", "403.16 documented"),
        ("expired", "anchor", "documented", "reported", "403.16 inferred"),
        ("not-yet-valid", "subject", "documented", "inferred", "403.17 documented"),
        ("not-yet-valid", "intermediate", "documented", "inferred", "403.16 inferred"),
        ("revoked", "subject", "documented", "inferred", "403.13 documented"),
        ("revoked", "intermediate", "documented", "inferred", "403.13 inferred"),
        ("untrusted-root", "anchor", "documented", "documented", "403.16 documented"),
        ("issuer-not-found", "subject", "documented", "inferred", "403.16 documented"),
        ("intermediate-missing", "subject", "documented", "inferred", "403.16 documented"),
        ("root-in-wrong-store", "anchor", "documented", "inferred", "403.16 inferred"),
        ("not-self-signed-in-root", "intermediate", "inferred", "documented", "403.16 documented"),
        ("no-certificate", "subject", None, "documented", "403.7 documented"),
        ("private-key-mismatch", "subject", None, "inferred", "403.7 inferred"),
        ("wrong-extended-key-usage", "subject", "documented", "inferred", "403.16 inferred"),
        ("revocation-unreachable", "subject", "documented", "documented", "403.13 documented"),
        ("revocation-stale", "subject", "inferred", "documented", "403.13 documented"),
        ("revocation-evidence-invalid", "subject", "inferred", "inferred", "403.13 reported"),
        ("revocation-unknown", "subject", "inferred", "inferred", "403.13 inferred"),
        ("distrusted", "subject", "documented", "inferred", "403.16 inferred"),
        ("bad-signature", "subject", "documented", "inferred", "403.16 inferred"),
    ],
)
def test_each_mark_is_the_one_the_sources_allow(code: str, role: str, flag: str | None, hresult: str, iis: str) -> None:
    windows = catalogue().row(CauseCode(code), Role(role)).windows
    assert windows is not None
    assert windows.hresult is not None
    assert windows.iis is not None
    assert (windows.trust_status and windows.trust_status.mark.value) == flag
    assert windows.hresult.mark.value == hresult
    assert f"{windows.iis.status} {windows.iis.mark}" == iis


def test_what_only_chaincheck_knows_has_no_windows_codes() -> None:
    own = {CauseCode.SEARCH_CUT, CauseCode.TIME_MOVED, CauseCode.DAMAGED_MEMBER, CauseCode.REVOCATION_NOT_FETCHED,
           CauseCode.REVOCATION_REFUSED_BY_GUARD, CauseCode.ALGORITHM_UNSUPPORTED_HERE, CauseCode.CONSTRAINT_NOT_JUDGED}  # fmt: skip
    assert all(row.windows is None for row in ROWS if row.code in own)


def test_a_403_7_is_logged_with_5() -> None:
    windows = catalogue().row(CauseCode.NO_CERTIFICATE, Role.SUBJECT).windows
    assert windows is not None
    assert windows.hresult is not None
    assert (windows.hresult.name, windows.hresult.logged, windows.hresult.unsigned) == ("ERROR_ACCESS_DENIED", 5, 2147942405)


# a section of a standard, an article or page of the vendor, a setting, or where users tell of it
_RULE = (
    r"RFC \d+ section|KB \d+|X\.690|CERT_TRUST_|CERT_CHAIN_POLICY|CertGetCertificateChain|chaincheck|netsh http|Schannel|system\.webServer|"
    r"iisClientCertificateMapping|Chromium|reports of users"
)


def test_every_reference_names_a_rule() -> None:
    for row in ROWS:
        assert re.search(_RULE, row.reference), row.code


def test_everything_that_refuses_can_be_acted_on() -> None:
    for row in ROWS:
        assert row.severity is not Severity.FATAL or row.resolutions, (row.code, row.role)


def test_every_resolution_is_there_and_used() -> None:
    used = {each for row in ROWS for each in row.resolutions}
    assert used == set(catalogue().resolutions)


def test_all_resolutions_of_kb_186812_are_there() -> None:
    articles = ("KB", "TechNet")
    found = {row.id: row.document for row in catalogue().resolutions.values() if row.mark is Mark.DOCUMENTED and row.document}
    found = {name: document for name, document in found.items() if document.startswith(articles) and name not in SERVER_SIDE}
    assert found == {
        "ask-administrator": "KB 186812",
        "check-dates": "KB 186812",
        "turn-off-requirement": "KB 942067",
        "inspect-path-on-server": "KB 186812",
        "install-root": "KB 186812",
        "install-intermediate": "KB 186812",
        "move-misplaced": "KB 2802568",
        "replace-ca-certificate": "TechNet cc775399",
    }


def test_resolutions_are_done_by_one_of_three() -> None:
    for row in catalogue().resolutions.values():
        assert row.who in {"client", "site administrator", "CA"}
        assert row.risk in {None, "low", "medium", "high"}
        assert row.document or row.mark is not Mark.DOCUMENTED


def test_the_one_liners_go_into_the_right_stores() -> None:
    root = catalogue().resolutions["install-root"].commands
    assert root == (
        r"Import-Certificate -FilePath root.cer -CertStoreLocation Cert:\LocalMachine\Root",
        "certutil -addstore -f Root root.cer",
    )
    assert all(
        r"Cert:\LocalMachine\CA" in line or "-addstore CA" in line for line in catalogue().resolutions["install-intermediate"].commands
    )


def test_no_command_takes_anything_from_a_certificate() -> None:
    for row in catalogue().resolutions.values():
        for line in row.commands:
            assert not re.search(r"\{[a-z_]+\}", line), line
