"""What was assumed, and what could not be checked: sentences about an answer, by stable codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Something assumed or not checked: a stable ``code``, its ``facts``, and whether it could turn an acceptance into a refusal."""

    code: str
    facts: tuple[tuple[str, str], ...] = ()
    blocks: bool = False

    def text(self, section: Literal["assumption", "unchecked"], lang: str = "en") -> str:
        """The sentence for it."""
        from chaincheck.causes.words import words

        key = f"{section}.{self.code}" if section == "assumption" else f"{section}.{self.code}.sentence"
        return words(lang).render(key, dict(self.facts))
