"""Whatever an argument is, the only thing raised for it is an InputError that can be printed."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import Verdict
from chaincheck.formats.described import described
from chaincheck.rules import PolicySettings
from engine.asking import CA, LEAF, ROOT, ask

if TYPE_CHECKING:
    from collections.abc import Callable


class RaisingRepr:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class RaisingBool:
    def __bool__(self) -> bool:
        raise TypeError("no truth value")


class RaisingIterator:
    def __iter__(self) -> Any:
        raise RuntimeError("no items")


class RaisingAttributes:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class WrongPath:
    def __fspath__(self) -> Any:
        return 5


class ZoneWithoutOffset(tzinfo):
    def dst(self, _: datetime | None) -> timedelta | None:
        return None

    def tzname(self, _: datetime | None) -> str | None:
        return None

    def utcoffset(self, _: datetime | None) -> timedelta | None:
        return None


class RaisingZone(ZoneWithoutOffset):
    def utcoffset(self, _: datetime | None) -> timedelta | None:
        raise RuntimeError("no offset")


HOSTILE: list[Any] = [
    RaisingRepr(), RaisingBool(), RaisingIterator(), RaisingAttributes(), WrongPath(), 10**5000, -(10**5000), float("nan"), NotImplemented,
    Ellipsis, object, Verdict.ACCEPTED, {1: 2}, {}, "", b"", bytearray(), memoryview(b""), b"\x00" * 100, "\ud800", "a\0b", chaincheck,
    [None], [[[[[[]]]]]], iter(()), set(), lambda: 1, Exception("x"), datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
]  # fmt: skip


def refused(call: Callable[[], object]) -> chaincheck.InputError:
    with pytest.raises(chaincheck.InputError) as caught:
        call()
    error = caught.value
    assert str(error)
    assert len(str(error)) < 1000
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
    return error


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "argument", ["cert", "key", "store", "presented", "rules", "fetch", "crls", "ocsp_responses", "server", "limits", "guard"]
)
def test_an_argument_of_the_wrong_kind_is_an_input_error(argument: str, value: object) -> None:
    refused(lambda: ask(**{argument: value}))


def test_a_diagnosis_is_no_evidence_and_no_certificate() -> None:
    earlier = ask()
    for argument in ("cert", "presented", "crls", "ocsp_responses"):
        refused(lambda argument=argument: ask(**{argument: earlier}))  # type: ignore[misc]


@pytest.mark.parametrize("argument", ["crls", "ocsp_responses", "presented"])
@pytest.mark.parametrize("value", [b"", "", bytearray(), memoryview(b""), " \n", set(), iter(())], ids=lambda value: type(value).__name__)
def test_empty_evidence_is_damaged_and_not_none(argument: str, value: object) -> None:
    assert refused(lambda: ask(**{argument: value})).code == "empty"


@pytest.mark.parametrize("argument", ["crls", "ocsp_responses", "presented"])
@pytest.mark.parametrize("value", [None, [], ()], ids=repr)
def test_none_and_an_empty_list_mean_that_nothing_is_given(argument: str, value: object) -> None:
    assert ask(**{argument: value}).accepted


@pytest.mark.parametrize("zone", [ZoneWithoutOffset(), RaisingZone()])
def test_a_time_zone_that_does_not_work_is_an_input_error(zone: tzinfo) -> None:
    refused(lambda: ask(at=pki.AT.replace(tzinfo=zone)))
    refused(lambda: ask().to_text(timezone=zone))


@pytest.mark.parametrize("value", [5, RaisingRepr(), ["x"], Verdict.ACCEPTED], ids=lambda value: type(value).__name__)
def test_a_store_takes_limits_and_a_name_of_their_type(value: Any) -> None:
    refused(lambda: chaincheck.TrustStore(roots=ROOT.der, limits=value))
    refused(lambda: chaincheck.TrustStore.load(ROOT.der, limits=value))
    refused(lambda: chaincheck.TrustStore(roots=ROOT.der, name=value))
    refused(lambda: chaincheck.TrustStore.load(ROOT.der, name=value))


def test_limits_are_whole_numbers() -> None:
    for changes in ({"max_bytes": "many"}, {"max_depth": -1}, {"max_files": True}, {"allow_paths": 1}):
        refused(lambda changes=changes: chaincheck.Limits(**changes))  # type: ignore[misc]


def test_an_entry_is_made_of_bytes_in_a_compartment_that_exists() -> None:
    entry: Any = chaincheck.Entry
    for wrong in ("x", 5, bytearray(ROOT.der), RaisingRepr(), None):
        refused(lambda wrong=wrong: entry(wrong, "roots"))  # type: ignore[misc]
    for compartment in ("Roots", "", None, 5, RaisingRepr()):
        refused(lambda compartment=compartment: entry(ROOT.der, compartment))  # type: ignore[misc]
    for properties in (None, [(9, b"")], ((9, "x"),), ((9,),), RaisingBool()):
        refused(lambda properties=properties: entry(ROOT.der, "roots", properties=properties))  # type: ignore[misc]
    refused(lambda: entry(ROOT.der, "roots", location=5))


@pytest.mark.parametrize(
    "value", [None, "x", bytearray(b"0"), 5, RaisingRepr(), RaisingAttributes()], ids=lambda value: type(value).__name__
)
def test_a_certificate_is_made_of_bytes(value: Any) -> None:
    from chaincheck.x509.certificate import Certificate

    refused(lambda: Certificate(value))


@pytest.mark.parametrize(
    "value", [None, b"x", (1,), 5, [RaisingRepr()], RaisingIterator(), {"a": 1}], ids=lambda value: type(value).__name__
)
def test_a_guard_allows_only_what_is_named_by_text(value: Any) -> None:
    refused(lambda: chaincheck.Guard(allow=value))
    refused(lambda: chaincheck.Guard(schemes=value))


def test_a_guard_has_flags_and_a_number_of_redirects() -> None:
    guard: Any = chaincheck.Guard
    for wrong in ({"intranet": "no"}, {"fetch_unanchored": 1}, {"max_redirects": -1}, {"max_redirects": None}, {"max_redirects": True}):
        refused(lambda wrong=wrong: guard(**wrong))  # type: ignore[misc]
    for value in (None, 5, b"http://x/", RaisingRepr()):
        refused(lambda value=value: chaincheck.Guard.PUBLIC.check_url(value))  # type: ignore[misc]
        refused(lambda value=value: chaincheck.Guard.PUBLIC.check_address(value, "x"))  # type: ignore[misc]
    assert chaincheck.Guard(schemes="http").schemes == ("http",)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
def test_a_report_is_asked_for_in_a_language_and_a_width_that_exist(value: Any) -> None:
    diagnosis = ask()
    refused(lambda: diagnosis.to_text(lang=value))
    refused(lambda: diagnosis.to_text(timezone=value))
    refused(lambda: diagnosis.to_text(width=value))
    refused(lambda: diagnosis.to_dict(audience=value))
    refused(lambda: diagnosis.to_dict(lang=value))
    refused(lambda: diagnosis.to_json(audience=value))
    refused(lambda: diagnosis.to_json(indent=value))


def test_width_and_indent_are_bounded_whole_numbers() -> None:
    diagnosis = ask()
    for value in (0, -1, 10**9, True, 80.0, "80", None):
        refused(lambda value=value: diagnosis.to_text(width=value))  # type: ignore[misc]
    for value in (-1, 10**9, True, "\t"):
        refused(lambda value=value: diagnosis.to_json(indent=value))  # type: ignore[misc]
    assert diagnosis.to_json(indent=None).count("\n") == 0
    assert diagnosis.to_text(width=1)


@pytest.mark.parametrize("password", [5, lambda: 5, object(), ["x"]], ids=lambda value: type(value).__name__)
def test_a_password_is_text_or_bytes(password: object) -> None:
    bundle = LEAF.pkcs12(b"secret")
    assert refused(lambda: ask(bundle, password=password)).where == "password"


def test_a_huge_number_or_text_is_described_in_few_words() -> None:
    assert described(10**5000) == "an int of 16,610 bits"
    assert len(described("x" * 10**6)) <= 80
    assert len(described(b"x" * 10**6)) <= 80
    assert described(RaisingRepr()) == "an object of type RaisingRepr"
    assert described(None) == "None"


# Rules


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("revocation", "Off"), ("revocation", "none"), ("revocation", None), ("purpose", "clientAuth"), ("purpose", ""), ("any_eku", "No"),
        ("unknown_status", "Refuse"), ("unknown_status", None), ("names", "RFC5280"), ("anchor", "self-signed"), ("evidence", "Caller"),
        ("subject_key_usage", "Required"), ("no_source", "refused"), ("max_path_length", -1), ("max_path_length", True),
        ("max_path_length", 1.0), ("minimum_rsa_bits", "1024"), ("minimum_rsa_bits", -1), ("minimum_rsa_bits", 10**5000),
        ("refused_hashes", "sha256"), ("refused_hashes", {"md5"}), ("refused_hashes", frozenset({"SHA-1"})), ("refused_hashes", ("md5",)),
        ("warned_hashes", frozenset({5})), ("warned_hashes", None), ("policies", None), ("policies", {"require_explicit_policy": True}),
        ("name", ""), ("name", None), ("name", "x" * 10**6), ("anchor_validity", 1), ("nested_eku", "yes"), ("aki_excludes", None),
        ("anchor_constraints", RaisingRepr()), ("root_store_hygiene", RaisingBool()), ("revocation", RaisingRepr()),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else type(value).__name__,
)  # fmt: skip
def test_rules_have_no_misspelt_words_and_no_values_of_another_type(field: str, value: Any) -> None:
    error = refused(lambda: replace(chaincheck.IIS, **{field: value}))
    assert (error.code, error.where) == ("rules", f"rules.{field}")
    assert error.expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("initial_policy_set", frozenset()), ("initial_policy_set", frozenset({"anyPolicy"})), ("initial_policy_set", {"2.5.29.32.0"}),
        ("initial_policy_set", "2.5.29.32.0"), ("initial_policy_set", frozenset({5})), ("require_explicit_policy", "no"),
        ("inhibit_policy_mapping", 1), ("inhibit_any_policy", None),
    ],
)  # fmt: skip
def test_policy_settings_are_oids_and_flags(field: str, value: Any) -> None:
    settings: Any = PolicySettings
    assert refused(lambda: settings(**{field: value})).where == f"rules.policies.{field}"


def test_rules_are_replaced_by_what_they_allow() -> None:
    rules = replace(
        chaincheck.OPENSSL,
        name="ours",
        purpose=None,
        max_path_length=0,
        minimum_rsa_bits=None,
        refused_hashes=frozenset({"md5", "sha3_256", "2.16.840.1.101.3.4.2.7"}),
        policies=PolicySettings(initial_policy_set=frozenset({"1.3.6.1.4.1.5.5"}), require_explicit_policy=True),
    )
    assert (rules.max_path_length, rules.purpose, rules.policies.require_explicit_policy) == (0, None, True)
    for known in (chaincheck.IIS, chaincheck.RFC5280, chaincheck.OPENSSL):
        assert replace(known) == known


def test_a_file_called_system_is_not_this_machine() -> None:
    from pathlib import Path

    from chaincheck.asking import is_machine_store

    assert is_machine_store("system")
    assert not is_machine_store(Path("system"))
    assert not is_machine_store(WrongPath())


def test_a_text_read_from_a_file_is_content_and_never_a_path() -> None:
    import io

    assert refused(lambda: ask(io.StringIO("/etc/hosts"))).code != "not-found"
    assert ask(io.StringIO(LEAF.pem.decode())).accepted
    assert ask(io.BytesIO(LEAF.der)).accepted


def test_moments_at_the_ends_of_time_are_answered() -> None:
    for at in (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), datetime.max.replace(tzinfo=UTC)):
        assert not ask(at=at).accepted


def test_the_issuer_may_be_presented_as_one_object() -> None:
    assert ask(presented=CA.der).accepted
