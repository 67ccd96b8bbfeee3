"""What a person does about a cause."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from chaincheck.causes.catalogue import catalogue
from chaincheck.causes.words import words

if TYPE_CHECKING:
    from chaincheck.causes.windows import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Steps that remove a cause.

    ``who`` acts: "client", "site administrator" or "CA". ``document`` is what the steps are from, ``mark`` how sure they are.
    ``notes`` and ``commands`` are our additions to the steps: traps to know, and one-liners for those who prefer them; no command holds
    anything taken from a certificate. ``risk_level`` is "low", "medium", "high" or None, ``risk`` the sentence about it.
    """

    id: str
    lang: str
    title: str
    steps: tuple[str, ...]
    notes: tuple[str, ...]
    commands: tuple[str, ...]
    who: str
    document: str | None
    mark: Mark
    risk_level: str | None
    risk: str | None

    def in_language(self, lang: str) -> Resolution:
        """The same resolution in another language."""
        return resolution(self.id, lang)

    def to_dict(self, *, steps: bool = False) -> dict[str, object]:
        """As JSON: what it is; with ``steps=True`` also how."""
        brief: dict[str, object] = {
            "id": self.id,
            "title": self.title,
            "who": self.who,
            "document": self.document,
            "mark": self.mark.value,
            "risk": self.risk_level,
        }
        if steps:
            brief |= {"steps": list(self.steps), "notes": list(self.notes), "commands": list(self.commands), "risk_text": self.risk}
        return brief


def resolution(id: str, lang: str = "en") -> Resolution:  # noqa: A002 - the word the catalogue uses
    """The resolution of that id in a language; KeyError for an id that is not in the catalogue."""
    return _resolution(id, words(lang).lang)


@lru_cache(maxsize=256)
def _resolution(id: str, lang: str) -> Resolution:  # noqa: A002
    row = catalogue().resolutions[id]
    said = words(lang)
    key = f"resolution.{id}"
    return Resolution(
        id=id,
        lang=lang,
        title=str(said.render(f"{key}.title")),
        steps=said.texts(f"{key}.steps"),
        notes=said.texts(f"{key}.notes"),
        commands=row.commands,
        who=row.who,
        document=row.document,
        mark=row.mark,
        risk_level=row.risk,
        risk=str(said.render(f"{key}.risk")) if row.risk else None,
    )
