"""``chaincheck.explain``: what a status, code, alert or event means, what may be behind it, and how to tell that apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaincheck.errors import InputError
from chaincheck.iis.reading_codes import LONGEST, Named, read
from chaincheck.iis.tables import Family, root_causes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaincheck.iis.tables import RootCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """``asked`` as it was given; ``named``: the codes it names.

    ``candidates``: the root causes that may be behind it, in the order of checking, () where nothing is known. That they are behind it is
    inferred; ``RootCause.mark`` says how sure it is that one leads to a refusal.
    """

    asked: str
    named: tuple[Named, ...]
    candidates: tuple[RootCause, ...]

    def to_text(self, lang: str = "en") -> str:
        """For a person, in "en" or "ja"."""
        from chaincheck.report.explained import written

        return written(self, lang)

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """As JSON has it."""
        return {
            "asked": self.asked,
            "codes": [_code(each, lang) for each in self.named],
            "candidates": [_candidate(each, lang) for each in self.candidates],
        }

    def __str__(self) -> str:
        return self.to_text()


def explain(code: str | int) -> Explanation:
    """What a refusal that somebody saw may mean.

    ``code``: the tail of a log line ("403 16 2148204809"), a whole line, a status ("403.7"), an HRESULT in hex, signed or unsigned, the
    name of a code (CERT_E_UNTRUSTEDROOT, X509_V_ERR_CERT_HAS_EXPIRED, CERT_TRUST_IS_REVOKED, PartialChain, unknown_ca), "alert 48",
    "event 36877", "dwErrorStatus=1000040", or a number.

    Raises ``InputError`` where no code that is known stands in it.
    """
    if isinstance(code, bool) or not isinstance(code, str | int):
        from chaincheck.formats.described import described

        raise InputError("code", found=described(code), expected="a str or an int", where="code")
    text = str(code)
    named = read(text)
    if not named:
        shown = text.strip()[:60] or "nothing"
        expected = 'a status (403.16), a code (0x800B0109, 2148204809, CERT_E_UNTRUSTEDROOT), "alert 48", "event 36877" or a log line'
        hint = f"only the first {LONGEST} characters are read" if len(text) > LONGEST else None
        raise InputError("code", found=repr(shown), expected=expected, where="code", hint=hint)
    return Explanation(asked=text[:LONGEST], named=named, candidates=_candidates(named))


def _candidates(named: Sequence[Named]) -> tuple[RootCause, ...]:
    """Where a code stands beside a status, the code decides and the status adds nothing; but for ERROR_ACCESS_DENIED, which IIS logs with
    every 403.7 and which says nothing itself.
    """
    codes = [each.code for each in named if each.code.candidates]
    statuses = [code for code in codes if code.family is Family.STATUS]
    others = [code for code in codes if code.family is not Family.STATUS and not (statuses and code.name == "ERROR_ACCESS_DENIED")]
    found = dict.fromkeys(identifier for code in others or statuses for identifier in code.candidates)
    return tuple(root_causes()[identifier] for identifier in found)


def _code(named: Named, lang: str) -> dict[str, Any]:
    code = named.code
    return {
        "family": code.family.value,
        "name": code.name,
        "hex": code.hex,
        "signed": code.signed,
        "unsigned": code.unsigned,
        "meaning": code.meaning(lang),
        "mark": code.mark.value,
        "seen_with": list(code.seen_with),
        "unknown_bits": f"0x{named.unknown_bits:X}" if named.unknown_bits else None,
    }


def _candidate(cause: RootCause, lang: str) -> dict[str, Any]:
    return {
        "id": cause.id,
        "title": cause.text("title", lang),
        "look": cause.text("look", lang),
        "fix": cause.text("fix", lang),
        "commands": list(cause.commands),
        "causes": [code.value for code in cause.codes],
        "documented": None if cause.documented is None else cause.documented.value,
        "reference": cause.reference,
        "mark": cause.mark.value,
    }
