"""Random PKIs by seed: valid ones, and ones with one to three seeded faults; and what must come of them.

``scenario(seed)`` gives the same bytes on every machine. What must be found is not taken from the engine: each certificate carries the
causes of its own faults, and ``Scenario.expected`` adds what depends on the path, from the few facts the generator knows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, lru_cache
from ipaddress import ip_network
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509

import asn1
import pki
from differential.disagreements import TRUST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pki_extensions import Extension, Options

POLICY = "1.3.6.1.4.1.99999.1.1"
OTHER_POLICY = "1.3.6.1.4.1.99999.1.2"
UNKNOWN_EXTENSION = "1.3.6.1.4.1.99999.9"
DAY = timedelta(days=1)
GAPS: frozenset[str] = frozenset()  # causes not named yet where the issuer is missing

RULES = ("RFC5280", "IIS", "OPENSSL")
ALL = frozenset(RULES)
SERVERS = frozenset({"IIS", "OPENSSL"})  # what RFC 5280 section 6 does not ask for
OPENSSL = frozenset({"OPENSSL"})
POLICIES = ALL  # who judges policies; OpenSSL itself does with -policy_check only: see the table of disagreements


class Expectation(NamedTuple):
    """One of ``codes`` at one of ``roles`` must be among the causes; no roles: whichever."""

    codes: frozenset[str]
    roles: frozenset[str]

    def met(self, found: set[tuple[str, str]]) -> bool:
        return any(code in self.codes and (not self.roles or role in self.roles) for code, role in found)

    def __str__(self) -> str:
        return f"{'|'.join(sorted(self.codes))}({'|'.join(sorted(self.roles)) or '*'})"


@dataclass(eq=False)
class Element:
    """A certificate to be, and what is known of it."""

    layer: int
    name: str
    key: str
    issuer: Element | None
    options: Options
    place: str  # roots, intermediates, presented, nowhere
    own: dict[str, frozenset[str]] = field(default_factory=dict)
    """Causes of its own, and under which rules."""
    names: list[x509.GeneralName] = field(default_factory=list)
    permitted: list[x509.GeneralName] = field(default_factory=list)
    excluded: list[x509.GeneralName] = field(default_factory=list)
    forbids: set[str] = field(default_factory=set)
    """The forms of names of which it forbids one that is seeded below it."""
    violates: set[str] = field(default_factory=set)
    """The forms of its names that such constraints forbid."""
    policies: list[str] = field(default_factory=list)
    requires_policy: bool = False
    wrong_aki: bool = False
    path_length: int | None = None
    revoked: bool = False
    claimed: set[str] = field(default_factory=set)
    issued: pki.Issued | None = None

    @property
    def version(self) -> int:
        return self.options.get("version", 3)

    @property
    def certificate(self) -> pki.Issued:
        assert self.issued is not None
        return self.issued

    def claim(self, *aspects: str) -> bool:
        """Whether nothing else has changed these aspects yet."""
        if self.claimed & {*aspects, "all"} or ("all" in aspects and self.claimed):
            return False
        self.claimed.update(aspects)
        return True

    def add(self, *extensions: Extension) -> None:
        self.options["extensions"] = [*self.options.get("extensions", ()), *extensions]


@dataclass(eq=False)
class Plan:
    """What is to be issued: the main path from the root down, and whatever else is in the stores."""

    rng: random.Random
    main: list[Element]
    others: list[Element]
    crls: bool
    faults: list[str] = field(default_factory=list)
    features: list[str] = field(default_factory=list)

    @property
    def leaf(self) -> Element:
        return self.main[-1]

    @property
    def intermediates(self) -> list[Element]:
        return self.main[1:-1]


@dataclass(frozen=True, eq=False)
class Scenario:
    """A PKI and a question about its leaf."""

    seed: int
    plan: Plan
    crls: tuple[bytes, ...]
    presented: tuple[bytes, ...]
    intermediates: tuple[bytes, ...]
    roots: tuple[bytes, ...]

    @property
    def leaf(self) -> pki.Issued:
        return self.plan.leaf.certificate

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(self.plan.faults)

    @cached_property
    def elements(self) -> dict[str, Element]:
        """By the SHA-256 of the certificate."""
        return {element.certificate.fingerprint: element for element in (*self.plan.main, *self.plan.others)}

    def paths(self, rules: str) -> Iterator[list[Element]]:
        """Every path from the leaf to a root in the store, by true signatures; the leaf first."""
        yield from self._paths([self.plan.leaf], rules)

    def _paths(self, below: list[Element], rules: str) -> Iterator[list[Element]]:
        top = below[-1]
        if top.place == "roots" and len(below) > 1:
            yield below
            return
        if top.issuer is None:
            return
        for issuer in self.elements.values():
            same = (issuer.name, issuer.key) == (top.issuer.name, top.issuer.key) and issuer.place != "nowhere"
            if same and issuer not in below and not (top.wrong_aki and rules != "RFC5280" and _has_identifier(issuer)):
                yield from self._paths([*below, issuer], rules)

    def expected(self, path: Sequence[Element], rules: str) -> list[Expectation]:
        """What must be among the causes of a path, given from the leaf up."""
        return list(_expected(path, rules, revocation=self.plan.crls))

    def acceptable(self, rules: str) -> bool:
        """Whether some path has no fault."""
        return any(not self.expected(path, rules) for path in self.paths(rules))

    def __str__(self) -> str:
        depth = len(self.plan.main) - 2
        return f"seed {self.seed}: {depth} intermediates, {self.plan.features or 'plain'}, faults {self.plan.faults or 'none'}"


def _has_identifier(element: Element) -> bool:
    return element.version == 3 and element.options.get("ski", True) is not False


def _expected(path: Sequence[Element], rules: str, *, revocation: bool) -> Iterator[Expectation]:
    anchored = path[-1].place == "roots" and len(path) > 1
    room: int | None = None  # RFC 5280 6.1.2 (k)
    constrained: set[str] = set()
    explicit = False
    lacking = False
    for index in range(len(path) - 1, -1, -1):
        element = path[index]
        anchor = index == len(path) - 1 and anchored
        top = index == len(path) - 1 and element.issuer is None
        role = "subject" if index == 0 else "anchor" if anchor or top else "intermediate"
        if anchor and rules == "RFC5280":
            continue
        # without its issuer nothing can be said of its signature and its revocation
        alone = index == len(path) - 1 or not _issued(path[index + 1], element)
        for code, judged_by in element.own.items():
            unknown = (code == "revoked" and not revocation) or (alone and code in ("revoked", "bad-signature", *GAPS))
            if rules in judged_by and not unknown:
                yield Expectation(frozenset({code}), frozenset({role}))
        if index and not anchor and not top and element.name != _issuer_name(element):
            if room == 0:
                yield Expectation(frozenset({"path-too-long"}), frozenset({role}))
            room = None if room is None else max(room - 1, 0)
        if constrained & element.violates:
            yield Expectation(frozenset({"name-not-permitted"}), frozenset({role}))
        constrained |= element.forbids
        explicit |= element.requires_policy
        lacking |= POLICY not in element.policies and not anchor
        if element.path_length is not None:
            room = element.path_length if room is None else min(room, element.path_length)
    if explicit and lacking and rules in POLICIES:
        yield Expectation(frozenset({"policy-not-satisfied"}), frozenset())
    if not anchored:
        yield Expectation(TRUST, frozenset())


def _issued(issuer: Element, child: Element) -> bool:
    return child.issuer is not None and (child.issuer.name, child.issuer.key) == (issuer.name, issuer.key)


def _issuer_name(element: Element) -> str:
    return element.issuer.name if element.issuer is not None else element.name


# ------------------------------------------------------------------------------------------------------------------- faults


class Fault(NamedTuple):
    """``seed`` makes the fault somewhere in the plan, or says that it does not fit."""

    name: str
    seed: Callable[[Plan], bool]


def _pick(plan: Plan, elements: Sequence[Element], *aspects: str) -> Element | None:
    free = [element for element in elements if not element.claimed & {*aspects, "all"} and not ("all" in aspects and element.claimed)]
    if not free:
        return None
    element = plan.rng.choice(free)
    element.claim(*aspects)
    return element


def _expired(plan: Plan) -> bool:
    element = _pick(plan, [*plan.main, plan.leaf], "dates")
    if element is None:
        return False
    element.options["not_after"] = pki.AT - plan.rng.choice([timedelta(seconds=1), DAY, 400 * DAY][: 3 if element is not plan.leaf else 2])
    element.own["expired"] = ALL
    return True


def _not_yet_valid(plan: Plan) -> bool:
    element = _pick(plan, [*plan.main, plan.leaf], "dates")
    if element is None:
        return False
    element.options["not_before"] = pki.AT + plan.rng.choice([timedelta(seconds=1), DAY, 30 * DAY])
    element.own["not-yet-valid"] = ALL
    return True


def _wrong_purpose_of_leaf(plan: Plan) -> bool:
    if not plan.leaf.claim("eku"):
        return False
    plan.leaf.options["eku"] = plan.rng.choice([("serverAuth",), ("emailProtection", "codeSigning")])
    plan.leaf.own["wrong-extended-key-usage"] = ALL
    return True


def _wrong_purpose_of_ca(plan: Plan) -> bool:
    element = _pick(plan, plan.intermediates, "eku")
    if element is None:
        return False
    element.options["eku"] = ("serverAuth",)
    element.own["wrong-extended-key-usage"] = SERVERS
    return True


def _no_cert_sign(plan: Plan) -> bool:
    element = _pick(plan, plan.intermediates, "ku")
    if element is None:
        return False
    element.options["key_usage"] = ("digitalSignature", "cRLSign")
    element.own["wrong-key-usage"] = ALL
    return True


def _not_a_ca(plan: Plan) -> bool:
    element = _pick(plan, plan.intermediates, "bc")
    if element is None:
        return False
    element.options["ca"] = plan.rng.choice([False, None])
    element.own["not-a-ca"] = ALL
    return True


def _version_1(plan: Plan) -> bool:
    element = _pick(plan, plan.intermediates, "all")
    if element is None:
        return False
    element.options["version"] = 1
    element.policies = []
    element.own["not-a-ca"] = ALL
    return True


def _path_length(plan: Plan) -> bool:
    constrained = [e for e in plan.main[:-2] if _counted_below(plan, e) and e.path_length is None]
    element = _pick(plan, constrained, "bc")
    if element is None:
        return False
    element.path_length = plan.rng.randrange(_counted_below(plan, element))
    element.options["path_length"] = element.path_length
    return True


def _counted_below(plan: Plan, element: Element) -> int:
    """Intermediates below it on the main path, self-issued ones not counted."""
    return sum(e.name != _issuer_name(e) for e in plan.intermediates if e.layer > element.layer)


def _bad_signature(plan: Plan) -> bool:
    element = _pick(plan, plan.main[1:], "signature", "revocation")
    if element is None:
        return False
    element.options["broken_signature"] = True
    element.own["bad-signature"] = ALL
    return True


def _unknown_critical(plan: Plan) -> bool:
    element = _pick(plan, plan.main[1:], "critical")
    if element is None:
        return False
    element.add((UNKNOWN_EXTENSION, True, asn1.null()))
    element.own["unknown-critical-extension"] = ALL
    return True


def _directory(organization: str) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name.from_rfc4514_string(f"O={organization}"))


# form: (base of the constraint, a name within, a name without); the directory form is about the subject
FORMS: dict[str, tuple[x509.GeneralName, x509.GeneralName | None, x509.GeneralName | None]] = {
    "dns": (x509.DNSName("example.com"), x509.DNSName("host.example.com"), x509.DNSName("host.example.org")),
    "email": (x509.RFC822Name("example.com"), x509.RFC822Name("alice@example.com"), x509.RFC822Name("alice@mail.example.org")),
    "ip": (
        x509.IPAddress(ip_network("192.0.2.0/24")),
        x509.IPAddress(ip_network("192.0.2.7/32").network_address),
        x509.IPAddress(ip_network("198.51.100.7/32").network_address),
    ),
    "directory": (_directory("Example"), None, None),
}
EXCLUDED_DIRECTORY = _directory("Elsewhere")


def _constrain(plan: Plan, element: Element, form: str, *, permit: bool, violate: bool) -> None:
    base, within, without = FORMS[form]
    element.claim(f"names-{form}")
    plan.leaf.claim(f"names-{form}")
    if form == "directory":
        (element.permitted if permit else element.excluded).append(base if permit else EXCLUDED_DIRECTORY)
        if violate:
            below = [e for e in plan.main[element.layer + 1 :] if e is plan.leaf or _renamable(plan, e)]
            violator = plan.rng.choice(below)
            violator.name = violator.name.replace("O=Example", "O=Elsewhere")
            violator.violates.add(form)
    else:
        assert within is not None
        assert without is not None
        (element.permitted if permit else element.excluded).append(base)
        plan.leaf.names.append(within if permit != violate else without)
        if violate:
            plan.leaf.violates.add(form)
    if violate:
        element.forbids.add(form)


def _renamable(plan: Plan, element: Element) -> bool:
    """Whether neither it nor the certificate below it is self-issued (RFC 5280 6.1.3 (b): self-issued CAs are exempt)."""
    return element.name not in (_issuer_name(element), plan.main[element.layer + 1].name)


def _name_outside(plan: Plan) -> bool:
    forms = [form for form in FORMS if f"names-{form}" not in plan.leaf.claimed]
    able = [e for e in plan.main[:-1] if "all" not in e.claimed]
    if not forms or "all" in plan.leaf.claimed or not able:
        return False
    # A root's constraints count for servers only: rarely, and mostly below it.
    element = plan.rng.choice(able[1:] or able)
    _constrain(plan, element, plan.rng.choice(forms), permit=plan.rng.random() < 0.5, violate=True)
    return True


def _require_policy(plan: Plan, element: Element) -> None:
    element.requires_policy = True
    # requireExplicitPolicy 0, or as many as there are certificates below it on the main path
    skip = plan.rng.choice([0, 0, 1]) if element.layer < len(plan.main) - 2 else 0
    element.add(("2.5.29.36", True, asn1.sequence(asn1.implicit(0, bytes([skip])))))


def _policy(plan: Plan) -> bool:
    element = _pick(plan, plan.intermediates, "policy")
    if element is None or not plan.leaf.claim("policy"):
        return False
    for below in plan.main[1:]:
        if below.version == 3:
            below.policies = [POLICY]
    plan.leaf.policies = plan.rng.choice([[], [OTHER_POLICY]])
    _require_policy(plan, element)
    return True


def _root_missing(plan: Plan) -> bool:
    if not plan.main[0].claim("place"):
        return False
    plan.main[0].place = plan.rng.choice(["nowhere", "presented", "intermediates"])
    return True


def _intermediate_missing(plan: Plan) -> bool:
    element = _pick(plan, plan.intermediates, "place")
    if element is None:
        return False
    element.place = "nowhere"
    return True


def _revoked(plan: Plan) -> bool:
    if not plan.crls:
        return False
    element = _pick(plan, plan.main[1:], "revocation")
    if element is None:
        return False
    element.revoked = True
    element.own["revoked"] = ALL
    return True


def _weak_key(plan: Plan) -> bool:
    if not plan.leaf.claim("key"):
        return False
    plan.leaf.key = "rsa512"
    plan.leaf.own["weak-key"] = SERVERS
    return True


def _wrong_aki(plan: Plan) -> bool:
    element = _pick(plan, plan.main[1:], "aki", "signature")
    if element is None:
        return False
    element.options["aki"] = b"\x5a" * 20
    element.wrong_aki = True
    return True


def _no_digital_signature(plan: Plan) -> bool:
    if not plan.leaf.claim("ku"):
        return False
    plan.leaf.options["key_usage"] = ("keyEncipherment",)
    plan.leaf.own["wrong-key-usage"] = SERVERS
    return True


def _weak_hash(plan: Plan) -> bool:
    element = _pick(plan, [e for e in plan.main[1:] if not (e.issuer and e.issuer.key.startswith("ed"))], "signature")
    if element is None:
        return False
    element.options["signing_hash"] = "sha1"
    element.own["weak-signature"] = OPENSSL
    return True


FAULTS = (
    Fault("expired", _expired),
    Fault("not yet valid", _not_yet_valid),
    Fault("leaf not for client authentication", _wrong_purpose_of_leaf),
    Fault("CA not for client authentication", _wrong_purpose_of_ca),
    Fault("CA without keyCertSign", _no_cert_sign),
    Fault("cA false or absent", _not_a_ca),
    Fault("version 1 CA", _version_1),
    Fault("path length exceeded", _path_length),
    Fault("bad signature", _bad_signature),
    Fault("unknown critical extension", _unknown_critical),
    Fault("name constraint violated", _name_outside),
    Fault("policy not satisfied", _policy),
    Fault("root missing", _root_missing),
    Fault("intermediate missing", _intermediate_missing),
    Fault("revoked", _revoked),
    Fault("weak key", _weak_key),
    Fault("authority key identifier of another key", _wrong_aki),
    Fault("no digitalSignature", _no_digital_signature),
    Fault("SHA-1 signature", _weak_hash),
)


# ----------------------------------------------------------------------------------------------------------------- features


def _feature_names(plan: Plan) -> bool:
    """Name constraints that are kept."""
    able = [e for e in plan.intermediates if "all" not in e.claimed]
    forms = [form for form in FORMS if f"names-{form}" not in plan.leaf.claimed]
    if not able or not forms:
        return False
    _constrain(plan, plan.rng.choice(able), plan.rng.choice(forms), permit=plan.rng.random() < 0.5, violate=False)
    return True


def _feature_policy(plan: Plan) -> bool:
    """A policy that is required and satisfied."""
    if any("policy" in e.claimed or "all" in e.claimed for e in plan.main) or not plan.intermediates:
        return False
    for element in plan.main[1:]:
        element.claim("policy")
        element.policies = [POLICY]
    _require_policy(plan, plan.rng.choice(plan.intermediates))
    return True


def _feature_path_length(plan: Plan) -> bool:
    """A path length that suffices."""
    element = _pick(plan, [e for e in plan.main[:-1] if e.path_length is None], "bc")
    if element is None:
        return False
    element.path_length = _counted_below(plan, element) + plan.rng.randrange(2)
    element.options["path_length"] = element.path_length
    return True


def _feature_no_identifiers(plan: Plan) -> bool:
    """Certificates without key identifiers."""
    for element in plan.main:
        if not element.wrong_aki and plan.rng.random() < 0.5:
            element.options["aki"] = False
        if plan.rng.random() < 0.3:
            element.options["ski"] = False
    return True


def _feature_any_purpose(plan: Plan) -> bool:
    """No purpose at all, or several."""
    if not plan.leaf.claim("eku"):
        return False
    plan.leaf.options["eku"] = plan.rng.choice([None, ("serverAuth", "clientAuth")])
    return True


def _feature_namesake(plan: Plan) -> bool:
    """Another CA of the same name with another key, in the store or sent along."""
    model = plan.rng.choice(plan.main[:-1])
    if plan.rng.random() < 0.4:
        other = Element(model.layer, model.name, f"p256:namesake {plan.rng.randrange(8)}", None, {**pki.ROOT}, "roots")
    else:
        place = plan.rng.choice(["intermediates", "presented"])
        other = Element(1, model.name, f"p256:namesake {plan.rng.randrange(8)}", plan.main[0], {**pki.CA}, place)
        if other.name == plan.main[0].name:
            return False
    plan.others.append(other)
    return True


def _feature_twin(plan: Plan) -> bool:
    """A CA of the main path cross-signed by another root, trusted or not, with the same faults or without."""
    if not plan.intermediates:
        return False
    model = plan.rng.choice(plan.intermediates)
    trusted = plan.rng.random() < 0.5
    number = plan.rng.randrange(4)
    root = Element(0, f"CN=Cross Root {number},O=Example", f"p256:cross {number}", None, {**pki.ROOT}, "roots" if trusted else "nowhere")
    twin = Element(model.layer, model.name, model.key, root, {**pki.CA}, plan.rng.choice(["intermediates", "presented"]))
    if plan.rng.random() < 0.5:
        twin.options = {**model.options}
        twin.own = {code: rules for code, rules in model.own.items() if code != "revoked"}
        for name in ("permitted", "excluded", "forbids", "violates", "policies", "requires_policy", "wrong_aki", "path_length"):
            setattr(twin, name, getattr(model, name))
    elif plan.rng.random() < 0.3:
        twin.options["not_after"] = pki.AT - DAY
        twin.own["expired"] = ALL
    plan.others += [root, twin]
    return True


def _feature_rollover(plan: Plan) -> bool:
    """A self-issued CA: the name of its issuer and a new key (RFC 5280 6.1: it does not count for the path length)."""
    able = [e for e in plan.intermediates[1:] if e.issuer is not None and e.issuer.issuer is not None]
    if not able:
        return False
    element = plan.rng.choice(able)
    element.name = _issuer_name(element)
    return True


FEATURES = (
    ("names", _feature_names, 0.25),
    ("policy", _feature_policy, 0.15),
    ("path length", _feature_path_length, 0.3),
    ("no identifiers", _feature_no_identifiers, 0.15),
    ("purposes", _feature_any_purpose, 0.15),
    ("namesake", _feature_namesake, 0.25),
    ("twin", _feature_twin, 0.3),
)


# ------------------------------------------------------------------------------------------------------------------ the PKI


@lru_cache(maxsize=512)
def scenario(seed: int) -> Scenario:
    """The PKI of that seed."""
    rng = random.Random(seed)
    plan = _plan(rng)
    wanted = rng.choice([0, 0, 1, 1, 1, 2, 2, 3])
    for fault in rng.sample(FAULTS, len(FAULTS)):
        if len(plan.faults) == wanted:
            break
        if fault.seed(plan):
            plan.faults.append(fault.name)
    for name, feature, probability in FEATURES:
        if rng.random() < probability and feature(plan):
            plan.features.append(name)
    return _issue(seed, plan)


def _plan(rng: random.Random) -> Plan:
    depth = rng.choice([0, 1, 1, 2, 2, 3, 4])
    main: list[Element] = []
    for layer in range(depth + 2):
        issuer = main[-1] if main else None
        last = layer == depth + 1
        options: Options = {**(pki.LEAF if last else pki.CA if issuer else pki.ROOT)}
        word = "Client" if last else "CA" if issuer else "Root"
        place = "presented" if last else rng.choice(["intermediates", "presented"]) if issuer else "roots"
        main.append(Element(layer, f"CN={word} {layer}.{rng.randrange(4)},O=Example", _key(rng, layer), issuer, options, place))
    plan = Plan(rng, main, [], crls=rng.random() < 0.4)
    if rng.random() < 0.15 and _feature_rollover(plan):
        plan.features.append("rollover")
    return plan


def _key(rng: random.Random, layer: int) -> str:
    """Mostly P-256; no two CAs of a path have the same key."""
    kind = rng.choices(["p256", "rsa2048", "ed25519", "p384"], [80, 8, 7, 5])[0]
    if kind == "rsa2048":
        return f"rsa2048:{'abcd'[layer]}" if layer < 4 else "rsa3072"
    return f"{kind}:{layer}.{rng.randrange(6)}"


def _issue(seed: int, plan: Plan) -> Scenario:
    elements = [*plan.main, *plan.others]
    for element in sorted(elements, key=lambda e: (e.issuer is not None, e.layer)):
        _certify(element)
    crls = tuple(_crls(elements)) if plan.crls else ()
    shuffled = plan.rng.sample(elements, len(elements))

    def at(place: str) -> tuple[bytes, ...]:
        return tuple(element.certificate.der for element in shuffled if element.place == place and element is not plan.leaf)

    return Scenario(seed, plan, crls, at("presented"), at("intermediates"), at("roots"))


def _certify(element: Element) -> None:
    options: Options = {**element.options, "key": element.key}
    more: list[Extension] = [*options.get("extensions", ())]
    if element.names:
        more.append((x509.SubjectAlternativeName(element.names), False))
    if element.permitted or element.excluded:
        more.append((x509.NameConstraints(element.permitted or None, element.excluded or None), True))
    if element.policies:
        policies = [x509.PolicyInformation(x509.ObjectIdentifier(policy), None) for policy in element.policies]
        more.append((x509.CertificatePolicies(policies), False))
    options["extensions"] = more
    if element.issuer is None:
        element.issued = pki.root(element.name, **options)
        return
    issuer = element.issuer.certificate
    assert isinstance(issuer, pki.Authority)
    element.issued = issuer.issue_ca(element.name, **options) if "ca" in options else issuer.issue(element.name, **options)


def _crls(elements: Sequence[Element]) -> Iterator[bytes]:
    """One of each name and key that issued something."""
    issuers: dict[tuple[str, str], tuple[pki.Authority, list[int]]] = {}
    for element in elements:
        issuer = element.issuer or element
        certificate = issuer.certificate
        if isinstance(certificate, pki.Authority):
            _, revoked = issuers.setdefault((issuer.name, issuer.key), (certificate, []))
            if element.revoked:
                revoked.append(element.certificate.serial)
    for number, (authority, revoked) in enumerate(issuers.values(), 1):
        yield authority.crl([(serial, pki.AT - 30 * DAY, "keyCompromise") for serial in revoked], number=number)
