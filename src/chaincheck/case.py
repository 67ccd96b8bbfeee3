"""Cases: a question with every byte that was used to answer it, and the answer, as a folder or a zip.

``case.toml`` holds the question and what was fetched; the certificates, CRLs and OCSP responses lie beside it as they are (DER), and the
answer in ``expected.json``. The format is the one of the project's test vectors, described in ``vectors/README.md``. A private key is never
written, only its public half.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin, get_type_hints

from chaincheck import rules as known_rules
from chaincheck.casefile import ANSWER, MOST_FILE, MOST_TOML, QUESTION, open_case, toml, write_folder, write_zip
from chaincheck.caseprofiles import from_table, to_table
from chaincheck.errors import ChaincheckError, InputError
from chaincheck.fetch.request import Response
from chaincheck.formats.certutil_store import ListedCertificate
from chaincheck.question import KeyAnswer, KeyState, Question
from chaincheck.rules import PolicySettings, Rules
from chaincheck.store import COMPARTMENTS, ELSEWHERE, Entry, TrustStore
from chaincheck.x509 import der
from chaincheck.x509.certificate import Certificate, moment
from chaincheck.x509.name import Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chaincheck.casefile import Source
    from chaincheck.client import ClientProfile
    from chaincheck.diagnosis import Diagnosis
    from chaincheck.server import ServerProfile

FORMAT: Final = 1
"""The version of the format: raised when an older reader would misunderstand a case. Keys may be added without."""
_BASES: Final = {known.name: known for known in (known_rules.IIS, known_rules.RFC5280, known_rules.OPENSSL)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as it was read.

    ``title`` and ``intent`` are said by test vectors: what the case is about, and what its author expects (``verdict``, ``causes``).
    ``expected`` is the answer that was saved (JSON), None where there is none.
    """

    question: Question
    responses: tuple[Response, ...]
    title: str | None = None
    intent: Mapping[str, Any] | None = None
    expected: str | None = None


def save_case(
    diagnosis: Diagnosis, path: str | os.PathLike[str], *, title: str | None = None, intent: Mapping[str, Any] | None = None
) -> None:
    """Write a case as a folder, or as a zip where the name ends in ``.zip``. The same diagnosis gives the same bytes.

    A folder must be new or empty; a zip is replaced. Raises ``ChaincheckError`` for a diagnosis that came through pickle, ``InputError``
    for a folder that is not empty, ``OSError`` where it cannot be written.
    """
    question = diagnosis.question
    if question is None:
        raise ChaincheckError("a diagnosis that was pickled has left its store behind: save the case where it was made")
    question = replace(question, at=diagnosis.at_s)
    files = _Files()
    document: dict[str, Any] = {"format": FORMAT}
    document |= {} if title is None else {"title": title}
    document |= {} if intent is None else {"intent": dict(intent)}
    document |= _question_table(question, files)
    if responses := _response_tables(diagnosis.responses, files):
        document["response"] = responses
    members = {QUESTION: toml(document), ANSWER: (diagnosis.to_json() + "\n").encode(), **files.members}
    target = Path(path)
    if target.suffix.lower() == ".zip":
        write_zip(target, members)
    else:
        write_folder(target, members)


def read_case(path: str | os.PathLike[str]) -> Case:
    """Read a case without answering it. Raises ``InputError`` for what is not there, no case, or a damaged one."""
    place = os.fspath(path)
    with open_case(Path(path), place) as source:
        document = _document(source.read(QUESTION, MOST_TOML), place)
        try:
            question = _read_question(document, source)
            recorded = _list(document.get("response", []), "response")
            responses = tuple(_read_response(record, source) for record in recorded)
            title, intent = document.get("title"), document.get("intent")
            expected = source.read(ANSWER, MOST_FILE).decode() if source.has(ANSWER) else None
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            found = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
            raise InputError("case-damaged", found=found[:300], expected="a case as save_case writes it", where=place) from error
    return Case(
        question=question,
        responses=responses,
        title=title if isinstance(title, str) else None,
        intent=intent if isinstance(intent, dict) else None,
        expected=expected,
    )


def replay(path: str | os.PathLike[str]) -> Diagnosis:
    """Answer the question of a case again, from its bytes alone: nothing is fetched.

    The JSON is that of the saved answer, byte for byte, as long as chaincheck judges the same way. Raises ``InputError`` for a damaged
    case.
    """
    return answer(read_case(path))


def answer(case: Case) -> Diagnosis:
    """``replay`` for a case that was read, perhaps changed: ``answer(replace(case, question=replace(case.question, rules=OPENSSL)))``."""
    from chaincheck.engine import diagnose
    from chaincheck.fetch.drive import RecordingFetcher, ReplayFetcher, drive

    recorder = RecordingFetcher(ReplayFetcher(case.responses))
    diagnosis = drive(diagnose(case.question), recorder)
    diagnosis._responses = recorder.records
    return diagnosis


# the question as a table


class _Files:
    """The members of a case, each content once, named by role and SHA-256."""

    def __init__(self) -> None:
        self.members: dict[str, bytes] = {}
        self._names: dict[bytes, str] = {}

    def add(self, role: str, ending: str, content: bytes) -> str:
        digest = sha256(content).hexdigest()
        length = 12
        while content not in self._names:
            name = f"{role}-{digest[:length]}.{ending}"
            if name not in self.members:
                self.members[name] = content
                self._names[content] = name
            length += 4
        return self._names[content]


def _question_table(question: Question, files: _Files) -> dict[str, Any]:
    table: dict[str, Any] = {"at": moment(question.at), "at_given": question.at_given, "fetch": question.fetch}
    table["fetch_unanchored"] = question.fetch_unanchored
    table |= {"cached": True} if question.cached else {}
    table |= {"prefer": question.prefer} if question.prefer != "ocsp" else {}
    table |= {"warn_before": question.warn_before} if question.warn_before else {}
    if question.subject is not None:
        table["subject"] = files.add("subject", "cer", question.subject.der)
    table["presented"] = [files.add("presented", "cer", certificate.der) for certificate in question.presented]
    if not question.presented_told:
        table["presented_not_told"] = True
    table["crls"] = sorted(files.add("crl", "crl", crl) for crl in question.crls)
    table["ocsp_responses"] = sorted(files.add("ocsp", "ocsp", response) for response in question.ocsp_responses)
    if question.notes:
        table["notes"] = [list(note) for note in question.notes]
    if question.evidence_notes:
        table["evidence_notes"] = [list(note) for note in question.evidence_notes]
    key = question.key
    table["key"] = {"state": key.state.value}
    if key.spki is not None:
        table["key"]["public_key"] = files.add("public-key", "pem", _pem(key.spki))
    if key.problem is not None:
        table["key"]["problem"] = key.problem
    table["rules"] = _rules_table(question.rules)
    if question.observed:
        table["observed"] = list(question.observed)
    if question.server is not None:
        table["server"] = to_table(question.server)
    document: dict[str, Any] = {"question": table}
    if question.client is not None:
        table["client"] = to_table(question.client, without=("store",))
        if question.client.store is not None:
            document["client_store"] = _store_table(question.client.store, files)
    if question.store is not None:
        document["store"] = _store_table(question.store, files)
    return document


def _store_table(store: TrustStore, files: _Files) -> dict[str, Any]:
    table: dict[str, Any] = {"name": store.name}
    if store.assumptions:
        table["assumptions"] = list(store.assumptions)
    if store.notes:
        table["notes"] = [list(note) for note in store.notes]
    if store.evidence_notes:
        table["evidence_notes"] = [list(note) for note in store.evidence_notes]
    for compartment in COMPARTMENTS:
        entries: tuple[Entry, ...] | None = getattr(store, compartment)
        if entries is not None:
            role = compartment.rstrip("s").replace("_", "-")
            table[compartment] = sorted(
                (_entry_table(entry, role, files) for entry in entries), key=lambda one: sorted(map(repr, one.items()))
            )
    if store.crls is not None:
        table["crls"] = sorted(files.add("store-crl", "crl", crl) for crl in store.crls)
    if store.others:
        members = [_entry_table(entry, "other", files) for name in sorted(store.others) for entry in store.others[name]]
        table["other_stores"] = sorted(store.others)
        table["others"] = sorted(members, key=lambda one: sorted(map(repr, one.items())))
    if store.partly:
        table["partly"] = list(store.partly)
    if store.trust_lists:
        table["trust_lists"] = sorted(files.add("trust-list", "stl", each) for each in store.trust_lists)
    if store.listed:
        table["listed"] = {
            compartment: sorted((to_table(each) for each in store.listed[compartment]), key=lambda one: sorted(map(repr, one.items())))
            for compartment in sorted(store.listed)
        }
    return table


def _entry_table(entry: Entry, role: str, files: _Files) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if entry.der is not None:
        table["file"] = files.add(role, "cer", entry.der)
    else:  # a bare name and key (RFC 5280 6.1.1 (d))
        table |= {"name": entry.subject.der.hex(), "spki": entry.key_spki.hex()}
    if entry.location is not None:
        table["location"] = entry.location
    if entry.properties:
        table["properties"] = [{"id": number, "value": value.hex()} for number, value in entry.properties]
    if entry.sorted_here:
        table["sorted_here"] = True
    return table


def _rules_table(rules: Rules) -> dict[str, Any]:
    """Name, the rules it is a variant of, and the fields that differ from those; ``unset`` lists those that are None here."""
    base = _BASES.get(rules.name, known_rules.IIS)
    table: dict[str, Any] = {"name": rules.name, "based_on": base.name}
    differing = [field.name for field in fields(Rules) if field.name != "name" and getattr(rules, field.name) != getattr(base, field.name)]
    for name in differing:
        value = getattr(rules, name)
        if isinstance(value, PolicySettings):
            table[name] = {field.name: _plain(getattr(value, field.name)) for field in fields(PolicySettings)}
        elif value is not None:
            table[name] = _plain(value)
    if unset := [name for name in differing if getattr(rules, name) is None]:
        table["unset"] = unset
    return table


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _response_tables(responses: Iterable[Response], files: _Files) -> list[dict[str, Any]]:
    tables = []
    endings = {"ocsp": "ocsp", "crl": "crl", "aia": "cer"}
    for response in sorted(responses, key=lambda one: (one.request.key, one.request.anchored)):
        table = response.to_record()
        if response.body:
            table["body"] = files.add("response", endings[response.request.kind], response.body)
        tables.append(table)
    return tables


def _pem(spki: bytes) -> bytes:
    """RFC 7468 13."""
    from base64 import b64encode

    text = b64encode(spki).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(("-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", "")).encode()


# the question from a table


def _document(content: bytes, place: str) -> dict[str, Any]:
    import tomllib

    try:
        document = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise InputError("case-damaged", found=f"{QUESTION} that is not TOML ({error})"[:300], expected="TOML 1.0", where=place) from error
    if document.get("format") != FORMAT:
        found = f"format {document['format']!r}"[:80] if "format" in document else "no format"
        hint = "a newer chaincheck may read it" if isinstance(document.get("format"), int) else None
        raise InputError("case-format", found=found, expected=f"format {FORMAT}", where=place, hint=hint)
    return document


def _read_question(document: Mapping[str, Any], source: Source) -> Question:
    table = _table(document["question"], "question")
    at, subject, fetch = table["at"], table.get("subject"), table["fetch"]
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValueError("question.at is not a date and time with an offset")
    if fetch not in ("online", "cached", "never"):
        raise ValueError("question.fetch is none of online, cached, never")
    prefer, warn_before = table.get("prefer", "ocsp"), table.get("warn_before", 0)
    if prefer not in ("ocsp", "crl"):
        raise ValueError("question.prefer is neither ocsp nor crl")
    if type(warn_before) is not int or not 0 <= warn_before <= 36_500 * 86_400:
        raise ValueError("question.warn_before is not a number of seconds")
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    word: Literal["online", "cached", "never"] = fetch
    return Question(
        subject=None if subject is None else _certificate(source, subject),
        presented=tuple(_certificate(source, name) for name in _list(table.get("presented", []), "question.presented")),
        key=_read_key(_table(table.get("key", {}), "question.key"), source),
        store=_read_store(_table(document["store"], "store"), source, "store") if "store" in document else None,
        at=since.days * 86400 + since.seconds,
        at_given=_flag(table, "at_given"),
        rules=_read_rules(_table(table.get("rules", {}), "question.rules")),
        fetch=word,
        crls=_contents(table.get("crls", []), "question.crls", source),
        ocsp_responses=_contents(table.get("ocsp_responses", []), "question.ocsp_responses", source),
        server=_read_server(table["server"]) if "server" in table else None,
        client=_read_client(table["client"], document, source) if "client" in table else None,
        observed=tuple(str(name) for name in _list(table.get("observed", []), "question.observed")),
        fetch_unanchored=_flag(table, "fetch_unanchored"),
        cached="cached" in table and _flag(table, "cached"),
        notes=_pairs(table.get("notes", []), "question.notes"),
        evidence_notes=_pairs(table.get("evidence_notes", []), "question.evidence_notes"),
        presented_told=not _flag(table, "presented_not_told"),
        prefer=prefer,
        warn_before=warn_before,
    )


def _read_key(table: Mapping[str, Any], source: Source) -> KeyAnswer:
    spki = None
    if "public_key" in table:
        from base64 import b64decode

        match = re.fullmatch(
            rb"\s*-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*", source.member(table["public_key"])
        )
        if match is None:
            raise ValueError("question.key.public_key is not a public key in PEM")
        spki = b64decode(b"".join(match[1].split()), validate=True)
    problem = table.get("problem")
    return KeyAnswer(state=KeyState(table.get("state", "not-told")), spki=spki, problem=None if problem is None else str(problem))


def _read_server(table: Any) -> ServerProfile:
    from chaincheck.server import ServerProfile

    profile: ServerProfile = from_table(ServerProfile, table, "question.server", _types(ServerProfile))
    return profile


def _read_client(table: Any, document: Mapping[str, Any], source: Source) -> ClientProfile:
    from chaincheck.client import ClientProfile

    hints = {
        "kind": str,
        "tls_versions": tuple[str, ...],
        "http_versions": tuple[str, ...],
        "sends_body_bytes": int,
        "works_elsewhere": bool,
    }
    client: ClientProfile = from_table(ClientProfile, table, "question.client", hints)
    if "client_store" in document:
        return replace(client, store=_read_store(_table(document["client_store"], "client_store"), source, "client_store"))
    return client


def _read_store(table: Mapping[str, Any], source: Source, where: str) -> TrustStore:
    store = TrustStore(name=str(table["name"]))
    for compartment in COMPARTMENTS:
        if compartment in table:
            entries = _list(table[compartment], f"{where}.{compartment}")
            setattr(store, compartment, tuple(_read_entry(_table(entry, compartment), compartment, source) for entry in entries))
    if "crls" in table:
        store.crls = _contents(table["crls"], f"{where}.crls", source)
    store.others = {str(name): () for name in _list(table.get("other_stores", []), f"{where}.other_stores")}
    for entry in _list(table.get("others", []), f"{where}.others"):
        found = _read_entry(_table(entry, "others"), ELSEWHERE, source)
        store.others[found.location or ELSEWHERE] = (*store.others.get(found.location or ELSEWHERE, ()), found)
    store.trust_lists = _contents(table.get("trust_lists", []), f"{where}.trust_lists", source)
    for compartment, listed in _table(table.get("listed", {}), f"{where}.listed").items():
        if compartment in (*COMPARTMENTS, "MY"):
            members = tuple(from_table(ListedCertificate, each, f"{where}.listed") for each in _list(listed, f"{where}.listed"))
            store.listed[compartment] = members
    store.partly = tuple(str(name) for name in _list(table.get("partly", []), f"{where}.partly"))
    store.assumptions = tuple(str(code) for code in _list(table.get("assumptions", []), f"{where}.assumptions"))
    store.notes = _pairs(table.get("notes", []), f"{where}.notes")
    store.evidence_notes = _pairs(table.get("evidence_notes", []), f"{where}.evidence_notes")
    return store


def _read_entry(table: Mapping[str, Any], compartment: str, source: Source) -> Entry:
    location = table.get("location")
    properties = tuple((int(one["id"]), bytes.fromhex(one["value"])) for one in _list(table.get("properties", []), "properties"))
    bare = "file" not in table
    return Entry(
        None if bare else _structure(source, table["file"]),
        compartment,
        name=Name(bytes.fromhex(table["name"])) if bare else None,
        spki=bytes.fromhex(table["spki"]) if bare else None,
        location=None if location is None else str(location),
        properties=properties,
        sorted_here=_flag(table, "sorted_here"),
    )


def _read_rules(table: Mapping[str, Any]) -> Rules:
    """Keys that are no fields of Rules are passed over: a later chaincheck may have more."""
    name = str(table.get("name", "IIS"))
    base = _BASES.get(str(table.get("based_on", name)), known_rules.IIS)
    changes = _typed_fields(Rules, table, "rules")
    changes |= {field: None for field in _list(table.get("unset", []), "rules.unset") if field in _types(Rules)}
    for field, value in changes.items():
        if value is None and type(None) not in get_args(_types(Rules)[field]):
            raise ValueError(f"rules.{field} cannot be unset")
    return replace(base, **{**changes, "name": name})


@cache
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _typed_fields(kind: type, table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values of the fields that a dataclass has and the table names, each of its type."""
    return {name: _typed(table[name], hint, f"{where}.{name}") for name, hint in _types(kind).items() if name in table}


def _typed(value: Any, hint: Any, where: str) -> Any:
    if hint is PolicySettings:
        return PolicySettings(**_typed_fields(PolicySettings, _table(value, where), where))
    if get_origin(hint) is frozenset:
        return frozenset(str(member) for member in _list(value, where))
    options = get_args(hint) if get_origin(hint) is not Literal else (hint,)
    for option in options or (hint,):
        allowed = get_args(option)
        if (get_origin(option) is Literal and value in allowed) or (not allowed and type(value) is option):
            return value
    raise ValueError(f"{where} has the value {value!r}, which is not one of its own")


def _read_response(record: Any, source: Source) -> Response:
    table = _table(record, "response")
    return Response.from_record(table, source.member(table["body"]) if "body" in table else b"")


def _certificate(source: Source, name: Any) -> Certificate:
    return Certificate(_structure(source, name))


def _structure(source: Source, name: Any) -> bytes:
    """A file that holds one complete SEQUENCE: what chaincheck takes for a certificate, CRL or OCSP response, whatever is inside."""
    content = source.member(name)
    _, stop = der.whole(content, der.SEQUENCE, str(name))
    if stop != len(content):
        raise ValueError(f"{name} is not one whole DER structure")
    return content


def _contents(names: Any, where: str, source: Source) -> tuple[bytes, ...]:
    return tuple(sorted((_structure(source, name) for name in _list(names, where)), key=lambda content: sha256(content).digest()))


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{where} is not a table")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{where} is not an array")
    return value


def _flag(table: Mapping[str, Any], name: str) -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise TypeError(f"{name} is neither true nor false")
    return value


def _pairs(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(place), str(detail)) for place, detail in _list(value, where))
