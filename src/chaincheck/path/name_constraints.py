"""Name constraints: RFC 5280 4.2.1.10, applied as section 6.1.3 (b) and (c) say and handed down as 6.1.4 (g) says.

A certificate asks each CA above it: is every name of mine within what you permit and outside what you exclude? Constraints only narrow, so
permitted_subtrees is kept as the list of the CAs' own lists (a name must be within one subtree of *each*, which is their intersection), and
excluded_subtrees as the lists that together are their union. Both are indexed by name form, so that thousands of names meet thousands of
constraints without each being held against each.

What the RFC leaves open is read as follows; the tests have an example of each.

* dNSName with a leading period (not RFC 5280, but common): subdomains and not the host itself, as OpenSSL, Go and rustls/webpki read it.
* A wildcard name: within a permitted subtree only if all hosts it can stand for are; in conflict with an excluded one if one of them is
  (unproven then: RFC 5280 4.2.1.6 leaves wildcards undefined, and OpenSSL sees no conflict).
* An empty base: all names of the form.
* userPrincipalName (an otherName; RFC 5280 defines no constraints for it): Microsoft lists it among the forms that CAs can be held to, and
  policy.inf files for certreq name a domain as "@example.com" and one user as "user@example.com". ".example.com" is read as the subdomains,
  "example.com" as the domain and its subdomains, all without case; how Windows compares these is not confirmed.
* A base that cannot be a name of its form permits nothing; what it was to exclude, nobody can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role
from chaincheck.x509 import der
from chaincheck.x509 import extensions as ext
from chaincheck.x509.name_constraints import INDEXES, KEYS, SMTP_UTF8_MAILBOX, UNCOMPARABLE, Index, Subtree, other_name, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.causes.facts import NameNotPermittedFacts
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.name import Name

# Look-ups for one question; the number is rustls/webpki's, which holds each name against each constraint.
COMPARISONS_BUDGET = 250_000
COMPARISONS_NAME = "name constraint comparisons"
# Names of one certificate that get a cause each; the rest are counted in one more.
NAMED_EACH = 20


class Budget:
    """Comparisons left for one question, shared by all its paths. What is spent does not depend on what is remembered.

    Whoever remembers an answer keeps the difference of ``spent`` beside it and spends it again; an answer given while the budget ran out
    (``exhausted``) is incomplete and not to be remembered.
    """

    __slots__ = ("exhausted", "limit", "spent")

    def __init__(self, limit: int = COMPARISONS_BUDGET) -> None:
        self.limit = limit
        self.spent = 0
        self.exhausted = False

    def spend(self, comparisons: int) -> bool:
        """Take from the budget; False, from then on, where it does not suffice."""
        self.spent += comparisons
        if self.spent > self.limit:
            self.exhausted = True
        return not self.exhausted


class Constraints(NamedTuple):
    """permitted_subtrees and excluded_subtrees of RFC 5280 6.1.2 (b) and (c): one element for each CA that constrains, from the top."""

    imposed: tuple[_Imposed, ...] = ()

    def narrowed(self, certificate: Certificate, role: Role = Role.INTERMEDIATE) -> Constraints:
        """RFC 5280 6.1.4 (g): what holds below this CA. An extension that cannot be read is malformed, and told so."""
        extension = certificate.extension(ext.NAME_CONSTRAINTS)
        if extension is None:
            return self
        try:
            lists = _lists(extension.value)
        except der.Malformed:
            return self
        # (g)(1): the intersection of permitted_subtrees, (g)(2): the union of excluded_subtrees
        return Constraints((*self.imposed, _Imposed(certificate, role, lists)))


NONE = Constraints()
"""RFC 5280 6.1.2 (b), (c): every name is permitted, and none excluded."""


def judge(constraints: Constraints, certificate: Certificate, role: Role, budget: Budget, *, exempt: bool = False) -> Iterator[Cause]:
    """RFC 5280 6.1.3 (b) and (c) for one certificate under all CAs above it; nothing where it is ``exempt``.

    Exempt is a self-issued certificate that is not the last one of the path. Ends early where the budget runs out.
    """
    if exempt or not constraints.imposed:
        return
    refused = _Refused(certificate, role)
    unjudged: dict[tuple[int, str], Cause] = {}
    for name in _names(certificate, constraints):
        for number, imposed in enumerate(constraints.imposed):
            objection = _objection(imposed.lists, name, budget)
            if budget.exhausted:
                yield from refused.causes()
                yield from unjudged.values()
                return
            if isinstance(objection, _Objection):
                refused.add(name, objection)
                break
            if objection is _NOT_JUDGED and (number, name.form) not in unjudged and len(unjudged) < NAMED_EACH:
                unjudged[number, name.form] = _not_judged(imposed, name.form)
    yield from refused.causes()
    yield from unjudged.values()


# The names of a certificate


class _Presented(NamedTuple):
    """A name to judge: its form, and what the index of that form looks up; ``key`` is None where it is no valid name of its form."""

    form: str
    value: str | bytes | Name
    key: object


def _names(certificate: Certificate, constraints: Constraints) -> Iterator[_Presented]:
    """The names of RFC 5280 6.1.3 (b) and (c) whose form is constrained; 4.2.1.10: others are not affected."""
    forms = {form for imposed in constraints.imposed for form in (*imposed.lists.permitted, *imposed.lists.excluded)}
    # 4.2.1.10: directoryName applies to the subject field when it is not empty ...
    if "directoryName" in forms and not certificate.subject.is_empty:
        yield _Presented("directoryName", certificate.subject, certificate.subject)
    # ... rfc822Name to emailAddress attributes of the subject when the certificate has no subjectAltName ...
    if "rfc822Name" in forms and certificate.extension(ext.SUBJECT_ALT_NAME) is None:
        for email in certificate.subject.emails:
            yield _Presented("rfc822Name", email, KEYS["rfc822Name"](email))
    # ... and every form to the names of that form in subjectAltName.
    for kind, value in certificate.subject_alt_names:
        form = kind
        if isinstance(value, bytes) and kind == "otherName":
            form, value = other_name(value)  # noqa: PLW2901 - what the otherName holds takes its place
        if form in forms:
            key = KEYS.get(form)
            yield _Presented(form, value, None if key is None else key(value))


# The constraints of one CA


class _Lists:
    """The subtrees of one extension by the form of name."""

    __slots__ = ("excluded", "permitted")

    def __init__(self, value: bytes) -> None:
        constraints = read(value)
        self.permitted = _by_form(constraints.permitted)
        self.excluded = _by_form(constraints.excluded)


class _Imposed(NamedTuple):
    """The constraints of one CA, and the CA."""

    certificate: Certificate
    role: Role
    lists: _Lists


def _by_form(subtrees: Iterable[Subtree]) -> dict[str, _Subtrees]:
    found: dict[str, _Subtrees] = {}
    for subtree in subtrees:
        form, base = subtree.kind, subtree.base
        if form == "otherName" and isinstance(base, bytes):
            form, base = other_name(base)
            if form == "rfc822Name":  # RFC 9598 6: no constraint is written as SmtpUTF8Mailbox
                form, base = f"otherName {SMTP_UTF8_MAILBOX}", subtree.base
        if form not in found:
            found[form] = _Subtrees(form)
        found[form].listed.append(subtree._replace(kind=form, base=base))
    return found


def _lists(value: bytes) -> _Lists:
    """The lists of an extension, read and indexed once per distinct bytes: the same CA stands on many paths."""
    known = _LISTS.get(value)
    if known is None:
        known = _Lists(value)
        if len(value) <= _MEMO_BYTES:
            if sum(map(len, _LISTS)) + len(value) > _MEMO_BYTES:
                _LISTS.clear()
            _LISTS[value] = known
    return known


_LISTS: dict[bytes, _Lists] = {}
_MEMO_BYTES = 131_072  # of extension values; read and indexed they take about 30 times as much


class _Subtrees:
    """The subtrees of one form in one list; indexed when the first name of that form comes."""

    __slots__ = ("_index", "form", "listed")

    def __init__(self, form: str) -> None:
        self.form = form
        self.listed: list[Subtree] = []
        self._index: Index | None = None

    @property
    def index(self) -> Index:
        if self._index is None:
            self._index = INDEXES.get(self.form, Index)(self.form)
            for subtree in self.listed:
                self._index.add(subtree)
            self._index.finish()
        return self._index


# One name against one CA


class _Objection(NamedTuple):
    constraint: Subtree | _Subtrees
    reason: str
    proven: bool = True


_NOT_JUDGED = object()


def _objection(lists: _Lists, name: _Presented, budget: Budget) -> object:
    """What one CA's constraints say against a name: an ``_Objection``, ``_NOT_JUDGED`` or None."""
    open_question = False
    # RFC 5280 6.1.3 (b): within one of the permitted_subtrees of its form
    permitted = lists.permitted.get(name.form)
    if permitted is not None and (index := permitted.index).everything is None and index.find(name.key, budget) in (None, UNCOMPARABLE):
        if not index.unsupported:
            return _Objection(permitted, "not-permitted")
        open_question = True
    # RFC 5280 6.1.3 (c): not within any of the excluded_subtrees of its form
    excluded = lists.excluded.get(name.form)
    if excluded is not None:
        index = excluded.index
        found = index.everything or (index.loose(name.value, budget) if name.key is None else index.find(name.key, budget))
        if found is not None and found is not UNCOMPARABLE:
            return _Objection(found, "excluded")
        partly = index.overlap(name.key, budget)
        if partly is not None:
            return _Objection(partly, "excluded", proven=False)
        if name.key is None and name.form == "uniformResourceIdentifier" and not index.unsupported:
            # 4.2.1.10: where URIs are constrained, one without a host name MUST be rejected.
            return _Objection(excluded, "not-permitted")
        # What is no name of its form may yet be taken for one; what a doubtful base was to exclude, nobody can tell.
        open_question = open_question or index.unsupported or index.doubtful or name.key is None or found is UNCOMPARABLE
    return _NOT_JUDGED if open_question else None


def _not_judged(imposed: _Imposed, form: str) -> Cause:
    """RFC 5280 4.2.1.10: an application MUST process the constraint or reject the certificate; this one cannot tell."""
    details = causes.facts.ExtensionFacts(oid=f"{ext.NAME_CONSTRAINTS} ({form})")
    return causes.make(CauseCode.CONSTRAINT_NOT_JUDGED, imposed.role, imposed.certificate, details, proven=False)


class _Refused:
    """The names of one certificate that are not permitted: each of the first ones, and how many more."""

    def __init__(self, certificate: Certificate, role: Role) -> None:
        self.certificate = certificate
        self.role = role
        self.first: list[tuple[_Presented, _Objection]] = []
        self.more = 0
        self.last: tuple[_Presented, _Objection] | None = None
        self.proven = False

    def add(self, name: _Presented, objection: _Objection) -> None:
        if len(self.first) < NAMED_EACH:
            self.first.append((name, objection))
        else:
            self.more += 1
            self.last = self.last or (name, objection)
            self.proven = self.proven or objection.proven

    def causes(self) -> Iterator[Cause]:
        seen = set()
        for name, objection in self.first:
            details = causes.facts.NameNotPermittedFacts(
                name=_shown(name.form, name.value), form=name.form, constraint=_words(objection.constraint), reason=objection.reason
            )
            if details not in seen:
                seen.add(details)
                yield self._cause(details, objection.proven)
        if self.last is not None:
            name, objection = self.last
            shown = f"{_shown(name.form, name.value)} and {self.more - 1} more" if self.more > 1 else _shown(name.form, name.value)
            details = causes.facts.NameNotPermittedFacts(
                name=shown, form=name.form, constraint=_words(objection.constraint), reason=objection.reason
            )
            yield self._cause(details, self.proven)

    def _cause(self, details: NameNotPermittedFacts, proven: bool) -> Cause:
        return causes.make(CauseCode.NAME_NOT_PERMITTED, self.role, self.certificate, details, proven=proven)


def _words(constraint: Subtree | _Subtrees) -> str:
    """A subtree, or the first ones of a list, as people write them."""
    if isinstance(constraint, _Subtrees):
        more = len(constraint.listed) - 3
        return ", ".join(map(_words, constraint.listed[:3])) + (f" and {more} more" if more > 0 else "")
    subtree = constraint
    distances = "" if subtree.is_plain else f" (minimum {subtree.minimum}, maximum {subtree.maximum})"
    if subtree.kind == "iPAddress" and isinstance(subtree.base, bytes):
        half = len(subtree.base) // 2
        bits = int.from_bytes(subtree.base[half:], "big").bit_count()
        return f"{_shown('iPAddress', subtree.base[:half])}/{bits}{distances}"
    return (_shown(subtree.kind, subtree.base) or f"every {subtree.kind}") + distances


def _shown(form: str, value: str | bytes | Name) -> str:
    """A name as people write it, not longer than a line or two."""
    if form == "iPAddress" and isinstance(value, bytes) and len(value) in (4, 16):
        from ipaddress import ip_address  # loaded for a refusal only: most answers have none

        return str(ip_address(value))
    text = f"#{value[:64].hex()}" if isinstance(value, bytes) else str(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
