"""A case holds everything an answer was made of, and nothing that a stranger writes into one does harm."""

from __future__ import annotations

import io
import pickle
import random
import struct
import time
import tomllib
import zipfile
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chaincheck
import pki
from chaincheck import IIS, NO_CERTIFICATE, OPENSSL, RFC5280, ChaincheckError, Entry, InputError, PolicySettings, Rules, TrustStore
from chaincheck.case import Case, answer, read_case, replay, save_case
from chaincheck.casefile import toml
from chaincheck.fetch.request import Outcome, Response
from chaincheck.question import Question
from chaincheck.x509.name import Name

if TYPE_CHECKING:
    from pathlib import Path

    from chaincheck import Diagnosis

ROOT = pki.root("Case Root")
CA = ROOT.issue_ca("Case CA")
URL = "http://crl.pki.example.com/ca.crl"
CLIENT = CA.issue("client", crl_urls=[URL])
CRL = CA.crl([(CLIENT.serial, pki.AT, "keyCompromise")])


class Web:
    """Answers every request with the CRL."""

    checks_addresses = True

    def fetch_round(self, requests: list[Any], deadline: float) -> list[Response]:
        return [Response(request=r, outcome=Outcome.OK, status=200, body=CRL, received_at=1_781_524_800, elapsed=0.25) for r in requests]

    def close(self) -> None:
        pass


class Checker(chaincheck.Checker):
    def _make_fetcher(self) -> Any:
        return Web() if self.fetch == "online" else super()._make_fetcher()


def ask(cert: Any = CLIENT.der, key: Any = None, *, store: Any = None, **more: Any) -> Diagnosis:
    settings = {name: more.pop(name) for name in ("rules", "fetch", "server", "guard") if name in more}
    with Checker(
        store=TrustStore(roots=[ROOT.der], intermediates=[CA.der], disallowed=[]) if store is None else store, **settings
    ) as checker:
        return checker.diagnose(cert, key, at=more.pop("at", pki.AT), **more)


def same(one: Question, other: Question) -> None:
    """Everything that was asked; of a store also what its identity leaves out."""
    for field in fields(Question):
        if field.name != "store":
            assert getattr(one, field.name) == getattr(other, field.name), field.name
    assert (one.store is None) == (other.store is None)
    if one.store is not None and other.store is not None:
        assert one.store.identity == other.store.identity
        assert (one.store.name, one.store.assumptions, one.store.notes) == (other.store.name, other.store.assumptions, other.store.notes)
        assert sorted(map(members, one.store.entries())) == sorted(map(members, other.store.entries()))


def members(entry: Entry) -> str:
    return repr((entry.identity, entry.compartment, entry.location, entry.properties, entry.sorted_here))


# there and back


@pytest.mark.parametrize("name", ["case", "case.zip", "CASE.ZIP"])
def test_a_replayed_case_gives_the_same_json(tmp_path: Path, name: str) -> None:
    diagnosis = ask(CLIENT.der, CLIENT.key_pem)
    assert diagnosis.responses
    diagnosis.save_case(tmp_path / name)
    again = chaincheck.replay(tmp_path / name)
    assert again.to_json() == diagnosis.to_json()
    assert again.responses == diagnosis.responses
    case = read_case(tmp_path / name)
    assert diagnosis.question is not None
    same(diagnosis.question, case.question)
    assert case.expected == diagnosis.to_json() + "\n"


def test_a_saved_replay_is_the_same_case(tmp_path: Path) -> None:
    ask().save_case(tmp_path / "one.zip")
    replay(tmp_path / "one.zip").save_case(tmp_path / "two.zip")
    ask().save_case(tmp_path / "three.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes() == (tmp_path / "three.zip").read_bytes()


def test_folder_and_zip_hold_the_same_files(tmp_path: Path) -> None:
    diagnosis = ask()
    diagnosis.save_case(tmp_path / "folder")
    diagnosis.save_case(tmp_path / "packed.zip")
    with zipfile.ZipFile(tmp_path / "packed.zip") as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    assert packed == {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()}


def test_no_private_key_is_written(tmp_path: Path) -> None:
    ask(CLIENT.pkcs12(chain=[CA]), CLIENT.key_pem).save_case(tmp_path / "case")
    secret = CLIENT.key.private.private_numbers().private_value.to_bytes(32)  # type: ignore[union-attr] # P-256
    for path in (tmp_path / "case").iterdir():
        content = path.read_bytes()
        assert b"PRIVATE KEY" not in content
        assert secret not in content
        assert secret.hex().encode() not in content
    assert any(b"BEGIN PUBLIC KEY" in path.read_bytes() for path in (tmp_path / "case").iterdir())


def test_one_content_in_two_roles_is_one_file(tmp_path: Path) -> None:
    ask(store=TrustStore(roots=[ROOT.der, CA.der], intermediates=[CA.der]), presented=[CA.der]).save_case(tmp_path / "case")
    assert len(list((tmp_path / "case").glob("*.cer"))) == 3


@pytest.mark.parametrize(
    "store",
    [
        TrustStore(),
        TrustStore(roots=[]),
        TrustStore(roots=[ROOT.der], crls=[CRL], name='a "quoted" \\ name\n\u202e with 日本語'),
        TrustStore(
            roots=[
                Entry(None, "roots", name=Name(ROOT.subject), spki=ROOT.key.spki),
                Entry(ROOT.der, "roots", location="LocalMachine\\Root", properties=((9, b"\x30\x00"), (104, bytes(8)))),
            ]
        ),
        TrustStore.load(pki.pem_bundle(ROOT, CA)),
    ],
    ids=["nothing told", "roots empty", "crls and an odd name", "bare anchor and properties", "sorted"],
)
def test_a_store_comes_back_as_it_was(tmp_path: Path, store: TrustStore) -> None:
    diagnosis = ask(store=store)
    save_case(diagnosis, tmp_path / "case.zip")
    case = read_case(tmp_path / "case.zip")
    assert diagnosis.question is not None
    same(diagnosis.question, case.question)
    assert answer(case).to_json() == diagnosis.to_json()


def test_not_told_and_none_are_kept_apart(tmp_path: Path) -> None:
    with Checker() as checker:
        diagnosis = checker.diagnose(NO_CERTIFICATE, at=pki.AT)
    diagnosis.save_case(tmp_path / "case")
    question = read_case(tmp_path / "case").question
    assert (question.subject, question.store) == (None, None)
    assert replay(tmp_path / "case").to_json() == diagnosis.to_json()


@pytest.mark.parametrize(
    "rules",
    [
        IIS,
        RFC5280,
        OPENSSL,
        replace(IIS, name="ours", minimum_rsa_bits=None, max_path_length=3, revocation="off", purpose=None),
        replace(RFC5280, refused_hashes=frozenset({"sha1", "md5"}), policies=PolicySettings(require_explicit_policy=True)),
        replace(OPENSSL, name="IIS"),
    ],
    ids=lambda rules: rules.name,
)
def test_rules_come_back_as_they_were(tmp_path: Path, rules: Rules) -> None:
    ask(rules=rules).save_case(tmp_path / "case.zip")
    assert read_case(tmp_path / "case.zip").question.rules == rules


def test_a_case_can_be_asked_with_other_rules(tmp_path: Path) -> None:
    ask().save_case(tmp_path / "case.zip")
    case = read_case(tmp_path / "case.zip")
    assert not answer(case).accepted
    assert answer(replace(case, question=replace(case.question, rules=OPENSSL))).accepted  # which checks no revocation


def test_what_was_not_recorded_is_not_fetched(tmp_path: Path) -> None:
    ask().save_case(tmp_path / "case")
    case = read_case(tmp_path / "case")
    without = answer(Case(question=case.question, responses=()))
    assert [response.outcome for response in without.responses] == [Outcome.NOT_FETCHED]
    assert not without.accepted


# what cannot be saved


def test_a_pickled_diagnosis_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(ChaincheckError, match="pickled"):
        pickle.loads(pickle.dumps(ask())).save_case(tmp_path / "case")  # noqa: S301 - our own bytes


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError) as error:
        ask().save_case(tmp_path)
    assert error.value.code == "case-exists"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# what a stranger writes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ask().save_case(tmp_path / "case")
    return tmp_path / "case"


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "case.toml").read_text("utf-8")
    assert old in text
    (folder / "case.toml").write_text(text.replace(old, new), "utf-8")


def refused(path: Path, code: str = "case-damaged") -> InputError:
    with pytest.raises(InputError) as error:
        read_case(path)
    assert error.value.code == code
    return error.value


def test_unknown_keys_are_passed_over(folder: Path) -> None:
    before = replay(folder).to_json()
    edit(folder, "at_given", 'of_a_later_release = { a = [1, "b"] }\nat_given')
    edit(folder, 'based_on = "IIS"', 'based_on = "IIS"\na_later_rule = 1')
    assert replay(folder).to_json() == before


def test_another_format_is_refused(folder: Path) -> None:
    edit(folder, "format = 1", "format = 2")
    assert "newer" in str(refused(folder, "case-format"))


@pytest.mark.parametrize(
    "name", ["../secret.cer", "/etc/passwd", "C:secret.cer", "a/b.cer", "a\\\\b.cer", ".hidden", "", "x" * 200, "a\\u0000b"]
)
def test_only_plain_names_are_followed(folder: Path, name: str) -> None:
    (folder.parent / "secret.cer").write_bytes(CLIENT.der)
    subject = tomllib.loads((folder / "case.toml").read_text())["question"]["subject"]
    edit(folder, subject, name)
    assert "file name" in str(refused(folder))


def test_links_are_not_followed(folder: Path) -> None:
    subject = tomllib.loads((folder / "case.toml").read_text())["question"]["subject"]
    (folder.parent / "secret.cer").write_bytes((folder / subject).read_bytes())
    (folder / subject).unlink()
    (folder / subject).symlink_to(folder.parent / "secret.cer")
    assert "plain file" in str(refused(folder))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 1", "format = "),
        ("at = 2026-06-15T12:00:00Z", "at = 2026-06-15T12:00:00"),
        ("at = 2026-06-15T12:00:00Z", "at = 5"),
        ('fetch = "online"', 'fetch = "always"'),
        ("at_given = true", "at_given = 1"),
        ('state = "not-told"', 'state = "somewhere"'),
        ('based_on = "IIS"', 'based_on = "IIS"\nrevocation = "sometimes"'),
        ('based_on = "IIS"', 'based_on = "IIS"\nminimum_rsa_bits = true'),
        ('based_on = "IIS"', 'based_on = "IIS"\nunset = ["revocation"]'),
        ('based_on = "IIS"', 'based_on = "IIS"\npolicies = []'),
        ("presented = []", "presented = {}"),
        ("presented = []", "presented = [1]"),
        ("disallowed = []", 'disallowed = [{ name = "zz", spki = "00" }]'),
        ("disallowed = []", "disallowed = [[]]"),
        ("[store]", "[shop]\n[store.roots]"),
        ("[[response]]", "[response]"),
        ('kind = "crl"', 'kind = "gopher"'),
        ("received_at = 1781524800", 'received_at = "now"'),
        ("[question]", "[question]\nnotes = [[1]]"),
        ("format = 1", "format = 1\ndeep = " + "[" * 5000 + "]" * 5000),
    ],
)
def test_a_damaged_question_is_an_input_error(folder: Path, old: str, new: str) -> None:
    edit(folder, old, new)
    with pytest.raises(InputError) as error:
        read_case(folder)
    assert error.value.code in ("case-damaged", "case-response")


def test_a_missing_file_is_named(folder: Path) -> None:
    next(folder.glob("subject-*")).unlink()
    assert "subject-" in str(refused(folder))


def test_what_is_no_case_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "client.cer").write_bytes(CLIENT.der)
    for path in (tmp_path, tmp_path / "client.cer"):
        refused(path)
    for name in ("absent.zip", "absent"):
        assert refused(tmp_path / name, "not-found").found == "nothing of that name"


# zips


def packed(*added: tuple[str, bytes], **changed: bytes) -> bytes:
    """The zip of a case with members added or (by the first part of their name) changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*MEMBERS.items(), *added):
            archive.writestr(name, changed.get(name.partition(".")[0], content))
    return buffer.getvalue()


@pytest.fixture(scope="module", autouse=True)
def case_members(tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("cases") / "case"
    ask().save_case(target)
    MEMBERS.update({path.name: path.read_bytes() for path in sorted(target.iterdir())})


MEMBERS: dict[str, bytes] = {}


def test_a_folder_packed_as_a_whole_is_a_case(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in MEMBERS.items():
            archive.writestr(f"T-4711/{name}", content)
    (tmp_path / "case.zip").write_bytes(buffer.getvalue())
    assert replay(tmp_path / "case.zip").to_json() == ask().to_json()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaincheck.casefile.MOST_BYTES", 1_000_000)
    (tmp_path / "case.zip").write_bytes(packed(("bomb.cer", bytes(2_000_000))))
    assert "together" in str(refused(tmp_path / "case.zip"))


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    name = next(name for name in MEMBERS if name.startswith("subject-"))
    content = bytearray(packed(**{name.partition(".")[0]: bytes(5_000_000)}))
    at = content.rindex(name.encode()) - 46
    assert content[at : at + 4] == b"PK\1\2"
    struct.pack_into("<I", content, at + 24, 1000)  # uncompressed size in the central directory
    (tmp_path / "case.zip").write_bytes(content)
    refused(tmp_path / "case.zip")


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        content = packed(("case.toml", b"format = 1"))
    (tmp_path / "case.zip").write_bytes(content)
    assert "two members" in str(refused(tmp_path / "case.zip"))


def test_an_unusual_packing_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    (tmp_path / "case.zip").write_bytes(buffer.getvalue())
    assert "unusual" in str(refused(tmp_path / "case.zip"))


def test_an_endless_directory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    content = bytearray(packed())
    struct.pack_into("<H", content, len(content) - 12, 0xFFFF)
    (tmp_path / "case.zip").write_bytes(content)
    assert "ZIP64" in str(refused(tmp_path / "case.zip"))


def test_mutated_zips_give_an_answer_or_an_input_error_within_a_second(tmp_path: Path) -> None:
    chance = random.Random(186812)
    good = packed()
    for number in range(200):
        content = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path = tmp_path / f"{number}.zip"
        path.write_bytes(content[: chance.randrange(len(content))] if number % 4 == 0 else content)
        began = time.monotonic()
        with suppress(InputError):
            replay(path).to_json()
        assert time.monotonic() - began < 1


def test_mutated_questions_give_an_answer_or_an_input_error(tmp_path: Path) -> None:
    chance = random.Random(942061)
    target = tmp_path / "case"
    ask().save_case(target)
    good = (target / "case.toml").read_bytes()
    for _ in range(200):
        content = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.choice(b'abc019"[]{}=.,#\n \\\xff')
        (target / "case.toml").write_bytes(content)
        with suppress(InputError):
            replay(target).to_json()


def test_mutated_bytes_give_an_answer_or_an_input_error(tmp_path: Path) -> None:
    chance = random.Random(294305)
    target = tmp_path / "case"
    ask().save_case(target)
    for path in [*target.iterdir()]:
        good = path.read_bytes()
        for number in range(40):
            content = bytearray(good)
            for _ in range(chance.randint(1, 4)):
                content[chance.randrange(len(content))] = chance.randrange(256)
            path.write_bytes((b"", content[: chance.randrange(len(content))], content, content)[number % 4])
            with suppress(InputError):
                replay(target).to_json()
        path.write_bytes(good)


# TOML

scalars = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
keys = st.from_regex(r"[a-z_]{1,8}", fullmatch=True).filter(lambda key: key != "response")
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4), max_leaves=8)
tables = st.recursive(
    st.dictionaries(keys, values, max_size=4), lambda inner: st.dictionaries(keys, values | inner, max_size=4), max_leaves=6
)


@given(tables)
def test_what_is_written_is_what_is_read(document: dict[str, Any]) -> None:
    text = toml(document).decode()
    assert tomllib.loads(text) == document
    assert all(sign.isprintable() or sign == "\n" for sign in text)


@given(st.lists(st.dictionaries(keys, scalars, max_size=3), max_size=3))
def test_arrays_of_tables_are_written_in_both_ways(members: list[dict[str, Any]]) -> None:
    document = {"inline": members, "response": members} if members else {"inline": members}
    assert tomllib.loads(toml(document).decode()) == document
