"""Where chaincheck and its peers disagree, kind by kind: when, what decides, and who is right. ``docs/disagreements.md`` is made from it.

    python tests/differential/disagreements.py      # writes the page

A disagreement is explained if every objection of the side that refuses is explained by a row; one that is not fails the tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from differential.generator import Element, Scenario

PAGE = Path(__file__).parents[2] / "docs" / "disagreements.md"
OURS = "chaincheck"
OPENSSL = "OpenSSL"
PYHANKO = "pyhanko-certvalidator"
BOUNCY_CASTLE = "Bouncy Castle"

TRUST = frozenset({"untrusted-root", "issuer-not-found", "intermediate-missing", "root-in-wrong-store"})


class Objection(NamedTuple):
    """What one side has against the certificate and the other has not: a code of ours, or the words of the peer."""

    by: str
    what: str
    path: Sequence[Element]
    """The best path of chaincheck, the leaf first."""
    element: Element | None
    """The certificate it is about, where that is known."""
    scenario: Scenario


class Row(NamedTuple):
    """A kind of disagreement. ``right``: whom the section bears out."""

    peer: str
    by: str
    """Who refuses."""
    kind: str
    section: str
    right: str
    why: str
    applies: Callable[[Objection], bool]


def explained(peer: str, objection: Objection) -> Row | None:
    """The row that explains it."""
    return next((row for row in ROWS if row.peer == peer and row.by == objection.by and row.applies(objection)), None)


def _branches(objection: Objection) -> bool:
    """Whether some certificate has more than one that could be its issuer by the name."""
    elements = list(objection.scenario.elements.values())
    return any(
        sum(other.name == child.issuer.name and other.place != "nowhere" for other in elements) > 1
        for child in elements
        if child.issuer is not None
    )


def _namesakes(objection: Objection) -> bool:
    """Whether two CAs have one name and a key each."""
    elements = objection.scenario.elements.values()
    return len({(e.name, e.key) for e in elements}) > len({e.name for e in elements})


def _crls_of_namesakes(objection: Objection) -> bool:
    return bool(objection.scenario.crls) and _namesakes(objection)


def _anchored(path: Sequence[Element]) -> bool:
    return path[-1].place == "roots" and len(path) > 1


def _anchor_without_identifier(objection: Objection) -> bool:
    """Whether the key identifiers of anchor and last certificate are not the same two octet strings."""
    path = objection.path
    return _anchored(path) and (path[-2].wrong_aki or path[-1].options.get("ski") is False)


def _issued(issuer: Element, child: Element) -> bool:
    return child.issuer is not None and (child.issuer.name, child.issuer.key) == (issuer.name, issuer.key)


def _last(objection: Objection) -> bool:
    """Whether it is about the certificate that the anchor issued."""
    return objection.element is objection.path[-2]


def _expired(element: Element | None) -> bool:
    return element is not None and "expired" in element.own


def _root_of_that_name(objection: Objection) -> bool:
    """Whether the path ends in a certificate whose issuer has the name of a root in the store, or its own name, and another key."""
    top = objection.path[-1]
    issuer = top.issuer.name if top.issuer is not None else top.name
    roots = {e.name for e in objection.scenario.elements.values() if e.place == "roots"}
    return not _anchored(objection.path) and (issuer in roots or (top.issuer is not None and issuer == top.name))


ROWS: tuple[Row, ...] = (
    Row(
        OPENSSL, OPENSSL, "a certificate has several issuers by name; the one that is tried leads to a fault, another to none",
        "RFC 4158 section 2.4", OURS,
        "OpenSSL follows one issuer for each certificate, the first that fits by name and identifier, and never comes back to another.",
        _branches,
    ),
    Row(
        OPENSSL, OURS, "a required policy is not there",
        "RFC 5280 section 6.1.5 (g)", OURS,
        "OpenSSL looks at policies with `-policy_check` only, whatever the CA requires. By default it lets the client in.",
        lambda o: o.what == "policy-not-satisfied",
    ),
    Row(
        PYHANKO, PYHANKO, "the authority key identifier is of another key",
        "RFC 5280 section 4.2.1.1", OURS,
        "The identifier helps to find the issuer; no step of section 6.1.3 compares it. It finds no path, or only one with another fault.",
        lambda o: any(e.wrong_aki for e in o.path),
    ),
    Row(
        PYHANKO, PYHANKO, "a CA constrains names by IP address",
        "RFC 5280 section 4.2.1.10", OURS,
        "Not implemented there, and said so: NotImplementedError.",
        lambda o: "NotImplementedError" in o.what and "IP_ADDRESS" in o.what,
    ),
    Row(
        PYHANKO, PYHANKO, "several CAs of one name with keys of different kinds",
        "RFC 5280 sections 6.1.3 (a)(1), 6.3.3 (g)", OURS,
        "It tries each key of the name, and an assertion fails where the key is not of the kind of the signature: AssertionError.",
        lambda o: o.what.startswith("AssertionError") and _namesakes(o),
    ),
    Row(
        BOUNCY_CASTLE, OURS, "the extended key usage does not allow client authentication",
        "RFC 5280 section 4.2.1.12", OURS,
        "The reviewer is not asked for a purpose: an application looks at it besides.",
        lambda o: o.what == "wrong-extended-key-usage",
    ),
    Row(
        BOUNCY_CASTLE, OURS, "a name of the end entity violates name constraints, of whatever form",
        "RFC 5280 section 6.1.3 (b), (c)", OURS,
        "The reviewer holds the names of intermediates against the constraints and leaves the last certificate out.",
        lambda o: o.what == "name-not-permitted" and o.element is o.path[0],
    ),
    Row(
        BOUNCY_CASTLE, BOUNCY_CASTLE, "no trust: the certificate below the anchor names a key, the anchor another or none",
        "RFC 5280 section 6.1.1 (d)", OURS,
        "The anchor is a name and a key; identifiers help to find it (4.2.1.1), and do not rule it out.",
        lambda o: o.what == "no trust" and _anchor_without_identifier(o),
    ),
    Row(
        BOUNCY_CASTLE, OURS, "likewise, and the certificate below the anchor is revoked or its signature is wrong",
        "RFC 5280 section 6.1.3 (a)", OURS,
        "Without an anchor the reviewer has no key to verify with.",
        lambda o: o.what in ("revoked", "bad-signature") and _anchor_without_identifier(o) and _last(o),
    ),
    Row(
        BOUNCY_CASTLE, BOUNCY_CASTLE, "no trust: the signature of the certificate below the anchor is wrong",
        "RFC 5280 section 6.1.3 (a)(1)", "both",
        "Both say that the signature is wrong. The reviewer adds that the anchor is then none of this path.",
        lambda o: o.what == "no trust" and _anchored(o.path) and ("bad-signature" in o.path[-2].own or not _issued(o.path[-1], o.path[-2])),
    ),
    Row(
        BOUNCY_CASTLE, BOUNCY_CASTLE, "a bad signature: no anchor issued the path, but one has that name, or its end is self-issued",
        "RFC 5280 section 6.1.1 (d)", "both",
        "Nothing tells a wrong signature from a right one by a key that is not there. chaincheck says whose certificate is missing.",
        lambda o: o.what == "bad-signature" and o.element is o.path[-1] and _root_of_that_name(o),
    ),
    Row(
        BOUNCY_CASTLE, OURS, "no trust: likewise",
        "RFC 5280 section 6.1.1 (d)", "both",
        "The other half of the same: where the reviewer speaks of the signature it does not speak of trust.",
        lambda o: o.what == "no trust" and _root_of_that_name(o),
    ),
    Row(
        BOUNCY_CASTLE, BOUNCY_CASTLE, "several CRLs of one issuer name, signed by different keys",
        "RFC 5280 section 6.3.3 (g)", OURS,
        "The reviewer takes a CRL by the name of its issuer, and ends where the signature does not fit the key of the path.",
        lambda o: o.what == "crlVerifyFailed" and _crls_of_namesakes(o),
    ),
    Row(
        BOUNCY_CASTLE, OURS, "likewise, and the CRL that is not read says revoked",
        "RFC 5280 section 6.3.3 (j)", OURS,
        "What ended with the first CRL never came to the second.",
        lambda o: o.what == "revoked" and _crls_of_namesakes(o),
    ),
    Row(
        BOUNCY_CASTLE, OURS,
        "several CRLs of one issuer name, and the right one decides nothing (no anchor, or expired): another is faulted",
        "RFC 5280 section 6.3.3 (g)", BOUNCY_CASTLE,
        "The other CRL is of another key, and faultless. The certificate is refused for what keeps the right one from deciding.",
        lambda o: o.what == "revocation-evidence-invalid" and _crls_of_namesakes(o) and (not _anchored(o.path) or _expired(o.element)),
    ),
    Row(
        BOUNCY_CASTLE, BOUNCY_CASTLE, "no anchor, and the last certificate is self-issued with a key of another kind than its issuer's",
        "RFC 5280 section 6.1.3 (a)(1)", OURS,
        "The reviewer takes it for a root, tries its signature with its own key, and ends with IllegalStateException.",
        lambda o: "unsupported public key type" in o.what and _root_of_that_name(o),
    ),
)  # fmt: skip


def render() -> str:
    """The page."""
    lines = [_HEAD]
    for peer, intro in _PEERS:
        lines += [f"## {peer}", "", intro, "", "| who refuses | when | decided by | right | why |", "| --- | --- | --- | --- | --- |"]
        lines += [f"| {row.by} | {row.kind} | {row.section} | {row.right} | {row.why} |" for row in ROWS if row.peer == peer]
        lines.append("")
    return "\n".join(lines)


_HEAD = """# Where others disagree

The tests under `tests/differential/` make random PKIs by seed, sound ones and ones with one to three faults, and put the same question to
chaincheck, to `openssl verify`, to pyhanko-certvalidator and to Bouncy Castle's `PKIXCertPathReviewer`. Each kind of disagreement that they
found stands here, with what decides it. A disagreement of any other kind fails the tests: it is saved as a case, with the command
that makes it again. 20,000 PKIs are judged by `DIFFERENTIAL_EXAMPLES=20000 python -m pytest tests/differential --timeout=0`.

This page is made from `tests/differential/disagreements.py`.
"""

_PEERS = (
    (OPENSSL, "`openssl verify -purpose sslclient -auth_level 1` (and `-crl_check_all`), rules `OPENSSL`. Verdicts are compared."),
    (PYHANKO, "With the purpose client authentication, rules `RFC5280`. Verdicts are compared."),
    (BOUNCY_CASTLE, "It names all problems of a path, so each cause of the best path is compared, not the verdict alone; rules `RFC5280`."),
)

if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
