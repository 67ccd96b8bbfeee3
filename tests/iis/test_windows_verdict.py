"""What Windows decided: read from certutil in any language and from CAPI2 events, in one shape."""

from __future__ import annotations

import os
import random
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from chaincheck import InputError
from chaincheck.iis import UrlOutcome, WindowsVerdict, capi2, read_windows_verdict, verify_output
from chaincheck.iis.tables import Family
from chaincheck.iis.windows_verdict import flag_bits, flag_names
from iis import windows_samples as samples
from iis.windows_samples import ENGLISH, ISSUING, JAPANESE, LEAF, ROOT, UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OFFLINE = ("CERT_TRUST_REVOCATION_STATUS_UNKNOWN", "CERT_TRUST_IS_OFFLINE_REVOCATION")


def only(source: str | bytes) -> WindowsVerdict:
    (verdict,) = read_windows_verdict(source)
    return verdict


# certutil


def test_output_of_certutil_gives_the_chain_its_status_and_every_address() -> None:
    verdict = only(ENGLISH)
    assert (verdict.source, verdict.engine, verdict.policy) == ("certutil", "machine", "CERT_CHAIN_POLICY_BASE")
    assert (verdict.error_status, verdict.info_status, verdict.result) == (0x1000040, 0x100, 0x80092013)
    assert (verdict.flags, verdict.kept, verdict.moment, verdict.process) == (OFFLINE, (), None, None)
    leaf, issuing = verdict.elements
    assert (leaf.subject, leaf.issuer, leaf.serial, leaf.sha1) == ("CN=alice", "CN=Example Issuing CA, O=Example", "a1", LEAF)
    assert (leaf.error_status, leaf.info_status, leaf.flags) == (0x1000040, 0x102, OFFLINE)
    assert leaf.urls == (
        UrlOutcome(kind="aia", url="http://pki.example.com/issuing.cer", ok=True, code=None),
        UrlOutcome(kind="cdp", url="http://pki.example.com/issuing.crl", ok=False, code=0x80072EE7),
    )
    assert (issuing.serial, issuing.sha1, issuing.error_status, issuing.urls) == ("7b" * 20, ISSUING, 0, ())


def test_that_the_command_completed_successfully_is_no_verdict() -> None:
    verdict = only(samples.without_fetching(ENGLISH).replace("0x80092013", ""))
    assert (verdict.refused, verdict.result, verdict.error_status) == (True, None, 0x1000040)


def test_without_fetching_there_are_no_addresses_and_all_else_is_the_same() -> None:
    with_addresses, without = only(ENGLISH), only(samples.without_fetching())
    assert without.outcomes == ()
    assert [(one.sha1, one.error_status) for one in without.elements] == [(one.sha1, one.error_status) for one in with_addresses.elements]
    assert without.result == with_addresses.result


def test_a_windows_in_another_language_is_read_by_what_is_not_translated() -> None:
    verdict = only(JAPANESE)
    assert (verdict.engine, verdict.result) == ("user", 0x800B0109)
    assert verdict.flags == ("CERT_TRUST_IS_UNTRUSTED_ROOT", "0x40000000")
    leaf, root = verdict.elements
    assert (leaf.issuer, leaf.subject, leaf.serial, leaf.sha1) == ("CN=見本 CA", 'CN=花子, OU="総務: 東京"', "b", LEAF)
    assert (root.sha1, root.flags) == (ROOT, verdict.flags)
    assert "CERT_TRUST_FROM_THE_FUTURE" in verdict.kept
    assert leaf.urls == (
        UrlOutcome(kind="aia", url="http://pki.example.jp/ca.cer", ok=False, code=0x80190194),
        UrlOutcome(
            kind="cdp", url="http://pki.example.jp/ca.crl", ok=None, code=None
        ),  # something came; what it is good for is in Japanese
    )
    assert "検証済み" in verdict.kept


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp932"])
def test_output_is_read_in_every_encoding_that_a_console_writes(codec: str) -> None:
    assert only(JAPANESE.encode(codec)) == only(JAPANESE)
    assert only(JAPANESE.replace("\n", "\r\n").encode(codec)) == only(JAPANESE)


@pytest.mark.parametrize(
    ("word", "tail", "ok"),
    [
        ("Verified", "aa" * 20, True), ("OK", "aa" * 20, True), ("Revoked", "aa" * 20, True), ("Expired", "aa" * 20, False),
        ("Wrong Issuer", "aa" * 20, False), ("Failed", "(null)", False), ("Unsuccessful", "(null)", False), ("成功", "aa" * 20, None),
        ("なし", "(null)", False),
    ],
)  # fmt: skip
def test_what_became_of_an_address_is_told_by_the_word_or_by_what_came(word: str, tail: str, ok: bool | None) -> None:
    text = f'CertContext[0][0]: dwInfoStatus=2 dwErrorStatus=0\n  ---- OCSP ----\n  {word} "OCSP" Time: 0 {tail}\n    [0.0] http://o/\n'
    assert only(text).elements[0].urls == (UrlOutcome(kind="ocsp", url="http://o/", ok=ok, code=None),)


def test_addresses_of_every_kind_are_read_also_with_spaces() -> None:
    lines = ["ldap:///CN=CA,CN=Public Key Services?x?base", "[1.0.0] file://\\\\server\\pki\\a b.crl", "HTTPS://x/"]
    text = (
        'CertContext[0][0]: dwInfoStatus=2 dwErrorStatus=0\n  ---- Base CRL CDP ----\n  Failed "CDP" Time: 0 (null)\n    '
        + "\n    ".join(lines)
    )
    assert [(one.kind, one.url) for one in only(text).outcomes] == [("cdp", line.removeprefix("[1.0.0] ")) for line in lines]


def test_the_first_error_at_the_end_is_the_result_and_not_that_of_an_address() -> None:
    assert only(ENGLISH.replace("0x80092013 (", "0x800b0109 (", 1)).result == 0x800B0109
    assert only("\n".join(line for line in ENGLISH.splitlines() if "0x80092013" not in line)).result is None


def test_a_paste_without_its_indentation_has_the_same_chain() -> None:
    flat = only("\n".join(line.strip() for line in ENGLISH.splitlines()))
    assert flat.elements == only(ENGLISH).elements


def test_the_older_form_of_a_thumbprint_is_read() -> None:
    old = only(ENGLISH.replace(f"Cert: {LEAF}", " ".join(["a1"] * 20)))
    assert old.elements[0].sha1 == LEAF


def test_a_certificate_without_a_subject_has_none() -> None:
    leaf = only(ENGLISH.replace("  Subject: CN=alice\n", "  Subject: EMPTY (DNS Name=alice.example.com)\n")).elements[0]
    assert (leaf.issuer, leaf.subject, leaf.serial) == ("CN=Example Issuing CA, O=Example", None, "a1")


def test_output_without_its_beginning_is_judged_by_its_elements() -> None:
    verdict = only(ENGLISH[ENGLISH.index("CertContext[0][0]") :])
    assert (verdict.error_status, verdict.engine) == (0x1000040, None)


def test_several_runs_are_several_verdicts() -> None:
    both = read_windows_verdict(ENGLISH + JAPANESE)
    assert both == (only(ENGLISH), only(JAPANESE))
    with pytest.raises(InputError):
        verify_output.parse(ENGLISH + JAPANESE)
    assert verify_output.parse(JAPANESE) == only(JAPANESE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("dwErrorStatus=1000040", "dwErrorStatus=?"), ("dwErrorStatus=1000040", "dwErrorStatus=100000040"),
        ("UNKNOWN (0x40)", "UNKNOWN (0x4000000000)"), ("CertContext[0][1]: dwInfoStatus=10c", "CertContext[0][1]: "),
    ],
)  # fmt: skip
def test_a_status_that_cannot_be_read_is_not_taken_for_none(before: str, after: str) -> None:
    with pytest.raises(InputError):
        read_windows_verdict(ENGLISH.replace(before, after))


# CAPI2


def test_a_chain_event_gives_engine_process_account_moment_and_elements() -> None:
    verdict = only(samples.chain(samples.element(LEAF, "alice", samples.OFFLINE), status="1000040", result="80092013"))
    assert (verdict.source, verdict.engine, verdict.process, verdict.user) == ("capi2", "machine", "lsass.exe", "S-1-5-18")
    assert verdict.moment == datetime(2026, 6, 15, 12, 0, 0, 123456, tzinfo=UTC)
    assert (verdict.error_status, verdict.info_status, verdict.result, verdict.flags) == (0x1000040, 0x100, 0x80092013, OFFLINE)
    (leaf,) = verdict.elements
    assert (leaf.subject, leaf.sha1, leaf.flags, leaf.info_status) == ("alice", LEAF, OFFLINE, 0x102)


def test_retrievals_belong_to_the_certificate_or_chain_that_they_were_made_for() -> None:
    signer, verdict = read_windows_verdict(UNREACHABLE)
    assert (signer.elements[0].subject, signer.outcomes) == ("OCSP signer", ())
    leaf, issuing = verdict.elements
    assert leaf.urls == (
        UrlOutcome(kind="ocsp", url="http://ocsp.example.com/", ok=True, code=None),
        UrlOutcome(kind="cdp", url="http://pki.example.com/issuing.crl", ok=False, code=0x80072EE7),
    )
    assert issuing.urls == ()
    assert verdict.urls == (UrlOutcome(kind="aia", url="http://pki.example.com/issuing.cer", ok=False, code=0x80072EE7),)
    assert verdict.outcomes == (*leaf.urls, *verdict.urls)


def test_the_order_of_the_log_does_not_matter() -> None:
    events = UNREACHABLE.split("</Event>")[:-1]
    assert set(read_windows_verdict("".join(f"{one}</Event>" for one in reversed(events)))) == set(read_windows_verdict(UNREACHABLE))


def test_retrievals_of_another_task_stay_there() -> None:
    other = samples.wire("http://elsewhere/", "2EE7", sequence=2, task="{other}")
    assert set(read_windows_verdict(UNREACHABLE + other)) == set(read_windows_verdict(UNREACHABLE))


def test_without_the_beginnings_retrievals_go_to_the_next_that_ends() -> None:
    errors = samples.wire("http://x/1.crl", "2EE2", sequence=4) + samples.revocation(LEAF, "alice", "80092013", sequence=8)
    verdict = only(errors + samples.chain(samples.element(LEAF, "alice", samples.OFFLINE), status="1000040"))
    assert verdict.elements[0].urls == (UrlOutcome(kind="cdp", url="http://x/1.crl", ok=False, code=0x80072EE2),)


def test_that_the_cache_has_nothing_is_no_failure_of_the_address() -> None:
    asked = [("80070490", None, 0x80070490), ("490", None, 0x80070490), ("0", True, None)]
    for result, ok, code in asked:
        verdict = only(samples.wire("http://x/1.crl", result, sequence=1, name="Cache") + samples.chain(samples.element(LEAF, "alice")))
        assert verdict.urls == (UrlOutcome(kind="cdp", url="http://x/1.crl", ok=ok, code=code),)


@pytest.mark.parametrize(("result", "ok", "code"), [("0", True, None), ("80092010", True, None), ("80092013", False, 0x80092013)])
def test_the_crl_that_revocation_was_judged_by_is_an_outcome(result: str, ok: bool, code: int | None) -> None:
    info = f'<RevocationInfo><RevocationResult value="{result}"/><CertificateRevocationList location="UrlCache" url="http://x/c"/></RevocationInfo>'
    verdict = only(samples.chain(samples.element(LEAF, "alice", more=info)))
    assert verdict.elements[0].urls == (UrlOutcome(kind="cdp", url="http://x/c", ok=ok, code=code),)


def test_flags_count_by_their_names_too_and_unknown_ones_are_kept() -> None:
    status = '<ErrorStatus CERT_TRUST_IS_REVOKED="true" CERT_TRUST_IS_CYCLIC="false" value="0x40000000" CERT_TRUST_FROM_THE_FUTURE="true"/>'
    verdict = only(samples.chain(samples.element(LEAF, "alice", status), status="4"))
    assert verdict.elements[0].flags == ("CERT_TRUST_IS_REVOKED", "0x40000000")
    assert verdict.kept == ("CERT_TRUST_FROM_THE_FUTURE",)


def test_a_policy_that_fails_is_the_result_and_one_that_passes_takes_nothing_back() -> None:
    chain = samples.chain(samples.element(LEAF, "alice"))
    verdict = only(chain + samples.policy("CERT_CHAIN_POLICY_BASE", "0") + samples.policy("CERT_CHAIN_POLICY_NT_AUTH", "800B0112"))
    assert (verdict.result, verdict.policy) == (0x800B0112, "CERT_CHAIN_POLICY_NT_AUTH")
    failed = samples.chain(samples.element(LEAF, "alice"), result="800B0109", status="20")
    verdict = only(failed + samples.policy("CERT_CHAIN_POLICY_SSL", "0"))
    assert (verdict.result, verdict.policy, verdict.refused) == (0x800B0109, "CERT_CHAIN_POLICY_SSL", True)


def test_policies_and_revocation_without_their_chain_are_verdicts_of_their_own() -> None:
    verdict = only(samples.policy("CERT_CHAIN_POLICY_SSL", "800B0109", "{Z}"))
    assert (verdict.result, verdict.policy, verdict.elements[0].sha1, verdict.refused) == (0x800B0109, "CERT_CHAIN_POLICY_SSL", LEAF, True)
    verdict = only(samples.wire("http://x/", "2EE7", sequence=1) + samples.revocation(LEAF, "alice", "80092010", sequence=2))
    assert (verdict.result, verdict.elements[0].sha1, verdict.elements[0].issuer) == (0x80092010, LEAF, "Example Issuing CA")
    assert [one.url for one in verdict.outcomes] == ["http://x/"]


def test_names_and_serials_come_from_the_event_that_holds_the_certificates_in_full() -> None:
    full = samples.event(
        f'<X509Objects><Certificate fileRef="{LEAF.upper()}.cer" subjectName="alice"><Subject><CN>alice</CN><O>Example</O></Subject>'
        "<Issuer><CN>Example Issuing CA</CN></Issuer><SerialNumber>00A1</SerialNumber></Certificate></X509Objects>",
        number=90,
    )
    (leaf,) = only(samples.chain(samples.element(LEAF, "alice")) + full).elements
    assert (leaf.subject, leaf.issuer, leaf.serial) == ("CN=alice, O=Example", "CN=Example Issuing CA", "a1")


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda text: f'<?xml version="1.0" encoding="utf-8"?><Events>{text}</Events>',
        lambda text: f"Log Name: Microsoft-Windows-CAPI2/Operational\r\nEvent Xml:\r\n{text}",
        lambda text: text.replace("<UserData>", "<RenderingInfo Culture='ja-JP'/><UserData><New odd='1'/>").encode("utf-16"),
        lambda text: text.replace("><", ">\r\n  <"),
        lambda text: text.replace('value="', 'value="0x').replace("0x0x", "0x"),
    ],
)  # fmt: skip
def test_events_are_read_in_whatever_they_are_wrapped(wrapped: Callable[[str], str | bytes]) -> None:
    assert read_windows_verdict(wrapped(UNREACHABLE)) == read_windows_verdict(UNREACHABLE)


def test_the_details_of_an_event_alone_are_read() -> None:
    payload = samples.chain(samples.element(LEAF, "alice"), result="800B0109").partition("<UserData>")[2].partition("</UserData>")[0]
    verdict = only(payload)
    assert (verdict.result, verdict.moment, verdict.user) == (0x800B0109, None, None)


@pytest.mark.parametrize("text", ["8009201?", "1800B0109", "", "-1"])
def test_a_number_that_cannot_be_read_is_not_taken_for_none(text: str) -> None:
    with pytest.raises(InputError):
        capi2.parse(samples.chain(samples.element(LEAF, "alice"), result=text))
    with pytest.raises(InputError):
        capi2.parse(samples.chain(samples.element(LEAF, "alice", f'<ErrorStatus value="{text}"/>')))


@pytest.mark.parametrize("moment", ["", "soon", "2026-13-40T99:00:00Z", "2026-06-15T12:00:00+09:00"])
def test_a_moment_that_is_none_is_left_out(moment: str) -> None:
    text = samples.chain(samples.element(LEAF, "alice")).replace("2026-06-15T12:00:00.1234567Z", moment)
    assert only(text).moment is None


def test_a_log_that_begins_much_and_ends_nothing_is_read_in_time() -> None:
    started = '<CertGetCertificateChainStart><CorrelationAuxInfo TaskId="t"/></CertGetCertificateChainStart>' * 40_000
    asked = '<CryptRetrieveObjectByUrlWire><URL>http://x/%d</URL><CorrelationAuxInfo TaskId="t"/></CryptRetrieveObjectByUrlWire>'
    ended = f'<CertVerifyRevocation>{samples.certificate(LEAF, "a")}<CorrelationAuxInfo TaskId="t"/></CertVerifyRevocation>' * 10_000
    addresses = "".join(asked % number for number in range(10_000))
    verdicts = read_windows_verdict(started + addresses + ended)
    assert len(verdicts) == 10_000
    assert len(verdicts[0].outcomes) <= 64


def test_hostile_xml_is_refused() -> None:
    laughs = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Event>&b;</Event>'
    hostile: list[tuple[str | bytes, str]] = [
        (laughs, "xml-dtd"),
        ("<Event>" * 1000, "too-deep"),
        (b"<Event></Event>" * 3_000_000, "too-large"),
    ]
    for text, code in hostile:
        with pytest.raises(InputError) as error:
            read_windows_verdict(text)
        assert error.value.code == code


# both


def test_a_line_is_a_path_and_files_are_read(tmp_path: Path) -> None:
    for name, content in (("verify.txt", ENGLISH.encode("utf-16")), ("capi2.xml", UNREACHABLE.encode())):
        (tmp_path / name).write_bytes(content)
        assert read_windows_verdict(tmp_path / name) == read_windows_verdict(str(tmp_path / name)) == read_windows_verdict(content)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("nothing-here.txt", "not-found"), ("", "evidence"), ("a\0b", "unreadable"), ("/dev/zero", "not-a-file"), (b"", "evidence"),
        (b"\x30\x82\x01\x02", "evidence"), ("Some text\nof no kind", "evidence"), (b"ElfFile\0\0\0", "evidence"), (7, "evidence"),
        ("<Event><System/></Event>", "evidence"), ("CertContext[\n", "evidence"), (None, "evidence"),
    ],
)  # fmt: skip
def test_what_is_neither_is_an_input_error(source: Any, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        read_windows_verdict(source)
    assert error.value.code == code


def test_every_bit_has_its_name_and_what_has_none_is_kept_as_a_number() -> None:
    bits = flag_bits(Family.TRUST_STATUS)
    assert sum(bits.values()) == flag_value(bits)
    assert [flag_names(bit) for bit in bits.values()] == [(name,) for name in bits]
    assert flag_names(0) == ()
    assert flag_names(0xF0000000) == ("0xf0000000",)


def flag_value(bits: dict[str, int]) -> int:
    value = 0
    for bit in bits.values():
        value |= bit
    return value


def test_a_verdict_can_be_written_as_json() -> None:
    import json

    for source in (ENGLISH, UNREACHABLE):
        for verdict in read_windows_verdict(source):
            written = json.loads(json.dumps(verdict.to_dict()))
            assert written["elements"][0]["sha1"] == asdict(verdict)["elements"][0]["sha1"]
    assert read_windows_verdict(UNREACHABLE)[1].to_dict()["moment"] == "2026-06-15T12:00:00Z"


EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES") or 1500)
SEED = int(os.environ.get("FUZZ_SEED", random.randrange(2**32) if os.environ.get("FUZZ_EXAMPLES") else 186812))


def test_fuzz_damaged_evidence_is_read_or_refused_and_never_anything_else() -> None:
    rng = random.Random(SEED)
    seeds = [ENGLISH.encode(), JAPANESE.encode("utf-16"), JAPANESE.encode("cp932"), UNREACHABLE.encode(), UNREACHABLE.encode("utf-16")]
    read = 0
    for number in range(EXAMPLES):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            place, length = rng.randrange(len(data)), rng.choice((1, 1, 2, 8, 200))
            piece = bytes(data[place : place + length]) if (other := rng.random()) < 0.3 else rng.randbytes(length)
            if other < 0.6:
                data[place : place + len(piece)] = piece if other >= 0.3 else b""
            else:
                data[place:place] = piece
        try:
            verdicts = read_windows_verdict(bytes(data))
        except InputError:
            continue
        read += 1
        assert verdicts, f"FUZZ_SEED={SEED}, example {number}"
        assert all(0 <= verdict.error_status < 1 << 32 for verdict in verdicts)
    assert read > EXAMPLES / 20, "the mutations are too coarse to say anything"
