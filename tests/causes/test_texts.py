"""Both languages say everything, and name only what there is to name."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from chaincheck.causes.catalogue import catalogue
from chaincheck.causes.cause import has_elapsed
from chaincheck.causes.codes import CauseCode, DocumentedCause, Finding, Gate, Role, Severity, Verdict
from chaincheck.causes.facts import FACTS
from chaincheck.causes.resolution import resolution
from chaincheck.causes.windows import Mark
from chaincheck.causes.words import LANGUAGES, placeholders, words
from chaincheck.revocation.attempt import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTEXT = {"certificate", "element", "subject", "issuer", "serial"}

every_language = pytest.mark.parametrize("lang", LANGUAGES)


def strings(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from strings(value, f"{path}{key}.")
        elif isinstance(value, list):
            yield from ((f"{path}{key}[{index}]", each) for index, each in enumerate(value))
        else:
            yield f"{path}{key}", value


def shape(table: dict[str, Any]) -> set[str]:
    return {path for path, _ in strings(table)}


def test_both_languages_have_the_same_texts() -> None:
    english, japanese = (shape(dict(words(lang).tables)) for lang in LANGUAGES)
    # A reason given as an English phrase needs no English word for it.
    assert english ^ japanese == {path for path in japanese - english if path.startswith("values.reason.")}


def test_both_languages_name_the_same_facts() -> None:
    # A fact said in one language and kept from readers of the other would be a gap; the element may be left out where grammar allows.
    english, japanese = (dict(strings(dict(words(lang).tables))) for lang in LANGUAGES)
    for path, text in english.items():
        assert placeholders(text) == placeholders(japanese[path]), path


@every_language
@pytest.mark.parametrize("code", CauseCode)
def test_every_code_has_a_summary_a_clause_and_a_why(lang: str, code: CauseCode) -> None:
    for part in ("summary", "clause", "why"):
        assert words(lang).has(f"cause.{code.value}.{part}")


@every_language
@pytest.mark.parametrize("code", CauseCode)
def test_every_placeholder_of_a_cause_is_a_fact_or_known_of_every_cause(lang: str, code: CauseCode) -> None:
    names = {field.name for field in fields(FACTS[code])}
    known = names | CONTEXT | ({"elapsed"} if has_elapsed(FACTS[code]) else set())
    for path, text in strings(words(lang).tables["cause"][code.value]):
        assert placeholders(text) <= known, path
        conditional = re.search(r"with_(\w+)$", path)
        assert conditional is None or conditional[1] in names, path


@every_language
def test_texts_of_a_role_are_for_rows_that_exist(lang: str) -> None:
    for code, table in words(lang).tables["cause"].items():
        for role in [key for key, value in table.items() if isinstance(value, dict)]:
            assert (CauseCode(code), Role(role)) in catalogue().rows


@every_language
def test_summaries_are_one_sentence_and_clauses_are_none(lang: str) -> None:
    for path, text in strings(words(lang).tables["cause"]):
        if path.endswith(".summary"):
            assert lang == "ja" or not text.startswith("{") or text.startswith("{certificate}"), path  # only that may be given a capital
            assert lang == "ja" or text.endswith("."), path
        if path.endswith(".clause"):
            assert not text.endswith((".", "。")), path
            assert lang == "ja" or text[0] in '{"' or text[0].islower(), path


@every_language
@pytest.mark.parametrize("section", ["unchecked", "assumption"])
def test_sentences_about_an_answer_use_the_placeholders_the_catalogue_lists(lang: str, section: str) -> None:
    listed = catalogue().unchecked if section == "unchecked" else catalogue().assumptions
    said = words(lang)
    assert set(said.tables[section]) == set(listed)
    for key, fields_listed in listed.items():
        assert said.has(f"{section}.{key}")
        texts = said.tables[section][key] if section == "unchecked" else {"": said.tables[section][key]}
        assert set(texts) == ({"sentence", "how", "clause"} if section == "unchecked" else {""})
        assert all(placeholders(text) <= set(fields_listed) for text in texts.values()), key


@pytest.mark.parametrize("reason", Reason)
def test_why_evidence_is_not_believed_is_said_in_japanese_too(reason: Reason) -> None:
    assert words("ja").value("reason", str(reason)) != str(reason)


@every_language
def test_headlines_take_a_clause_a_count_and_the_store(lang: str) -> None:
    for key, text in words(lang).tables["headline"].items():
        assert placeholders(text) <= {"clause", "count", "store"}, key


@every_language
def test_every_word_of_an_answer_has_a_text(lang: str) -> None:
    said = words(lang)
    for section, members in (("verdict", Verdict), ("severity", Severity), ("gate", Gate), ("documented", DocumentedCause), ("role", Role),
                             ("mark", Mark), ("finding", Finding)):  # fmt: skip
        assert all(said.has(f"{section}.{member.value}") for member in members), section
    for row in catalogue().resolutions.values():
        assert said.has(f"who.{row.who}")


@pytest.mark.parametrize("id", sorted(catalogue().resolutions))
def test_resolutions_have_the_same_steps_in_both_languages(id: str) -> None:  # noqa: A002
    english, japanese = resolution(id), resolution(id, "ja")
    assert english.title
    assert japanese.title
    assert len(english.steps) == len(japanese.steps) > 0
    assert len(english.notes) == len(japanese.notes)
    assert (english.risk is None) == (japanese.risk is None) == (catalogue().resolutions[id].risk is None)
    assert english.in_language("ja") is japanese
    assert not english.title.startswith("resolution.")


def test_no_resolution_is_written_that_the_catalogue_lacks() -> None:
    for lang in LANGUAGES:
        assert set(words(lang).tables["resolution"]) == set(catalogue().resolutions)


@every_language
def test_installing_the_root_takes_the_nine_steps_of_the_console(lang: str) -> None:
    steps = resolution("install-root", lang).steps
    assert len(steps) == 9
    wanted = {
        "en": ["mmc", "Add/Remove Snap-in", "Certificates", "Computer account", "Certificates (Local Computer)",
               "Trusted Root Certification Authorities", "All Tasks", "browse", "Finish"],
        "ja": ["mmc", "スナップインの追加と削除", "証明書", "コンピューター アカウント", "証明書 (ローカル コンピューター)",
               "信頼されたルート証明機関", "すべてのタスク", "参照", "完了"],
    }[lang]  # fmt: skip
    assert all(word in step for word, step in zip(wanted, steps, strict=True))


@every_language
def test_a_root_is_compared_by_another_channel_before_it_is_installed(lang: str) -> None:
    told = resolution("install-root", lang)
    assert "SHA-256" in told.notes[0]
    assert told.risk_level == "high"


def test_the_japanese_text_is_right_where_the_japanese_edition_is_garbled() -> None:
    inspect = resolution("inspect-path-on-server", "ja")
    assert ".CER ファイルにエクスポート" in inspect.steps[0]
    assert "サーバーにコピー" in inspect.steps[1]
    assert ".CER ファイルを開きます" in inspect.steps[2]
    assert "[証明のパス] タブ" in inspect.steps[3]
    assert "「発行者」と「発行先」が異なる" in resolution("install-intermediate", "ja").steps[0]
    assert resolution("turn-off-requirement", "ja").document == "KB 942067"


def test_japanese_uses_the_words_of_windows() -> None:
    everything = "\n".join(text for _, text in strings(dict(words("ja").tables)))
    assert "秘密キー" in everything
    for other in ("秘密鍵", "公開鍵", "認証局", "認定パス", "サーバ ", "ユーザ "):
        assert other not in everything, other


def test_texts_survive_a_japanese_console() -> None:
    for lang in LANGUAGES:
        for path, text in strings(dict(words(lang).tables)):
            assert text == text.encode("cp932").decode("cp932"), path


@every_language
def test_texts_are_trimmed_and_have_balanced_braces(lang: str) -> None:
    for path, text in strings(dict(words(lang).tables)):
        if not path.startswith("list."):
            assert text == text.strip(), path
        assert text, path
        assert len(re.findall(r"[{}]", text)) == 2 * len(re.findall(r"\{[a-z][a-z0-9_]*\}", text)), path
