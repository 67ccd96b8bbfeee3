from __future__ import annotations

import json
import pickle
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import chaincheck
import pki
from chaincheck.causes.catalogue import catalogue
from chaincheck.causes.codes import Role
from chaincheck.causes.facts import FACTS
from chaincheck.causes.words import placeholders, words
from chaincheck.report.audience import OWN_FACTS

if TYPE_CHECKING:
    from report.company import Company

SECRETS = ("server-roots.sst", "Contoso Root", "Fabrikam", "http:", "roots", "CRL ")


@pytest.fixture
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(files("chaincheck.report").joinpath("schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def diagnoses(company: Company) -> list[chaincheck.Diagnosis]:
    unreachable = company.ca.issue("CN=bob", ocsp_urls=("http://ocsp.contoso.example/",), crl_urls=("http://pki.contoso.example/ca.crl",))
    return [
        company.good(),
        company.expired(),
        company.without_root(),
        company.revoked(),
        company.good(store=None),
        company.expired(key=chaincheck.NO_KEY),
        company.ask(unreachable),
        company.ask(damaged(company)),
        bare_anchor(company),
        chaincheck.diagnose(chaincheck.NO_CERTIFICATE),
    ]


def damaged(company: Company) -> pki.Issued:
    """A certificate whose notAfter cannot be read."""
    client = company.ca.issue("CN=dave")
    assert client.der.count(b"270101000000Z") == 1
    return replace(client, der=client.der.replace(b"270101000000Z", b"27xx01000000Z"))


def bare_anchor(company: Company) -> chaincheck.Diagnosis:
    """RFC 5280 6.1.1 (d): an anchor that is a name and a key."""
    root = chaincheck.Certificate(company.root.der)
    entry = chaincheck.Entry(None, "roots", name=root.subject, spki=root.spki)
    client = company.ca.issue("CN=erin")
    return company.ask(client, store=company.store(roots=[entry]), rules=replace(chaincheck.RFC5280, revocation="off"))


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("audience", ["full", "administrator", "client"])
def test_every_answer_is_as_the_schema_in_the_package_says(
    company: Company, validator: jsonschema.Draft202012Validator, audience: Any, lang: str
) -> None:
    for diagnosis in diagnoses(company):
        validator.validate(diagnosis.to_dict(audience=audience, lang=lang))


def test_a_damaged_certificate_is_an_answer_in_every_form(company: Company) -> None:
    diagnosis = company.ask(damaged(company))
    assert diagnosis.to_dict()["subject"]["not_after"] is None
    assert "Valid to             none" in diagnosis.to_text()


def test_an_anchor_may_be_a_bare_name(company: Company) -> None:
    diagnosis = bare_anchor(company)
    assert diagnosis.accepted
    assert diagnosis.to_dict()["path"]["elements"][-1]["sha256"] is None
    assert "○ Contoso Root CA" in diagnosis.to_text()


def test_the_schema_version_comes_first(company: Company) -> None:
    assert next(iter(company.good().to_dict().items())) == ("schema_version", 1)
    assert company.good().to_json().startswith('{\n  "schema_version": 1,')


def test_the_same_question_gives_the_same_bytes(company: Company) -> None:
    assert company.without_root().to_json() == company.without_root().to_json()


def test_a_pickled_answer_gives_the_same_bytes(company: Company) -> None:
    diagnosis = company.revoked()
    assert pickle.loads(pickle.dumps(diagnosis)).to_json() == diagnosis.to_json()  # noqa: S301 - our own


def test_moments_are_utc_and_serials_are_hex(company: Company) -> None:
    diagnosis = company.expired()
    answer = diagnosis.to_dict()
    assert answer["checked_at"] == "2026-06-15T12:00:00Z"
    assert answer["subject"]["not_after"] == "2026-06-12T12:00:00Z"
    assert diagnosis.subject is not None
    assert int(answer["subject"]["serial"], 16) == diagnosis.subject.serial


def test_the_revocation_tells_every_source_and_which_one_decided(company: Company) -> None:
    [status, _] = company.revoked().to_dict()["revocation"]
    assert status["status"] == "revoked"
    assert status["decided_by"] == status["attempts"][0]["source"]
    assert status["attempts"][0] | {"revoked_at": "2026-05-16T12:00:00Z", "reason": "keyCompromise"} == status["attempts"][0]


def test_words_are_in_the_language_asked_for_and_codes_are_not(company: Company) -> None:
    english, japanese = (company.expired().to_dict(lang=lang) for lang in ("en", "ja"))
    assert "有効期限" in japanese["headline"]
    assert "有効期限" in japanese["causes"][0]["summary"]
    assert japanese["causes"][0]["resolutions"][0]["title"] != english["causes"][0]["resolutions"][0]["title"]
    assert [cause["code"] for cause in japanese["causes"]] == [cause["code"] for cause in english["causes"]]


def test_characters_that_deceive_the_eye_are_escaped_and_come_back(company: Company) -> None:
    name = "a\u202eb\x9bc\u2028d\u200be\U000e0041\x7f"
    text = company.ask(company.ca.issue(name)).to_json()
    assert all(line.isprintable() for line in text.split("\n"))
    assert json.loads(text)["subject"]["subject"] == f"CN={name}"


def test_the_fetches_have_no_times_unless_asked(company: Company, validator: jsonschema.Draft202012Validator) -> None:
    client = company.ca.issue("CN=bob", crl_urls=("http://127.0.0.1:9/ca.crl",))
    diagnosis = company.ask(client, fetch="online", guard=chaincheck.Guard(allow=("127.0.0.1:9",)))
    plain, timed = diagnosis.to_dict(), diagnosis.to_dict(timings=True)
    validator.validate(timed)
    assert "elapsed" not in plain["fetches"][0]
    assert timed["fetches"][0]["elapsed"] >= 0
    assert plain["fetches"][0]["url"] == "http://127.0.0.1:9/ca.crl"


def test_an_unknown_audience_is_wrong_use(company: Company) -> None:
    with pytest.raises(chaincheck.InputError, match="audience"):
        company.good().to_dict(audience="everybody")  # type: ignore[arg-type]  # a value of the wrong type, or options as a dict


# what a stranger learns


def test_a_client_learns_the_facts_of_his_own_certificate(company: Company) -> None:
    answer = company.expired().to_dict(audience="client")
    [cause] = answer["causes"]
    assert cause["code"] == "expired"
    assert cause["facts"] == {"checked_at": "2026-06-15T12:00:00Z", "not_after": "2026-06-12T12:00:00Z"}
    assert any("Renew" in each["title"] for each in cause["resolutions"])
    assert answer["headline"] == "Refused: the client certificate expired 3 days ago."


def test_a_client_learns_of_the_store_only_the_documented_cause(company: Company) -> None:
    answer = company.without_root().to_dict(audience="client")
    assert [cause["code"] for cause in answer["causes"]] == [None]
    assert answer["causes"][0]["documented"] == "root-not-installed"
    assert answer["headline"] == "Refused: the root certificate of the client certificate's CA is not installed on the server."


def test_a_client_whose_root_may_be_missing_is_told_so_in_the_headline(company: Company) -> None:
    store = chaincheck.TrustStore(roots=[company.other.der], name="roots only")
    answer = company.ask(company.ca.issue("CN=alice"), store=store).to_dict(audience="client")
    assert answer["causes"][0]["documented"] == "root-not-installed"
    assert answer["headline"] == "Undetermined: the root certificate of the client certificate's CA is not installed on the server."


def test_a_client_learns_nothing_of_store_network_or_other_certificates(company: Company) -> None:
    for diagnosis in diagnoses(company):
        for lang in ("en", "ja"):
            text = diagnosis.to_json(audience="client", lang=lang)
            assert not [secret for secret in SECRETS if secret in text]


def test_a_client_is_not_told_how_many_causes_are_kept_from_him(company: Company) -> None:
    authority = company.root.issue_ca("CN=Contoso Issuing CA,O=Contoso", not_after=pki.AT, path_length=0)
    store = company.store(intermediates=[authority.der])
    client = authority.issue("CN=alice", crl_urls=("http://10.0.0.1/a.crl",), ocsp_urls=("http://10.0.0.1/",))
    causes = company.ask(client, store=store).to_dict(audience="client")["causes"]
    assert len(causes) == len({json.dumps(cause) for cause in causes})


def test_the_facts_a_client_may_learn_exist_and_cover_his_texts() -> None:
    given = {"certificate", "element", "elapsed", "subject", "serial"}
    for code, allowed in OWN_FACTS.items():
        assert (code, Role.SUBJECT) in catalogue().rows
        assert allowed <= set(FACTS[code].__dataclass_fields__)
        for lang in ("en", "ja"):
            for key in ("summary", "clause"):
                table = words(lang).tables["cause"][code.value]
                template = table.get("subject", {}).get(key, table[key])
                assert placeholders(template) <= allowed | given, (code, lang, key)
