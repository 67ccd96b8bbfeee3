"""What chaincheck raises.

ChaincheckError
├── InputError (also a ValueError)    the input cannot be read as what it was given for
├── MissingExtraError (also an ImportError)   an optional dependency is not installed
└── RefusedError                      only from ``Diagnosis.raise_unless_accepted()``

A bad certificate is an answer, not an exception: what a certificate, a store, a server or a network contains becomes a cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaincheck.diagnosis import Diagnosis


class ChaincheckError(Exception):
    """The root of everything chaincheck raises on purpose."""


class InputError(ChaincheckError, ValueError):
    """The input is not what it was given for.

    ``code`` is stable and machine-readable; ``found``, ``expected`` and ``where`` are short English phrases;
    ``hint`` names the likely slip (certificate and key swapped, a store given as key), or is None.
    """

    def __init__(self, code: str, *, found: str, expected: str, where: str, hint: str | None = None) -> None:
        self.code = code
        self.found = found
        self.expected = expected
        self.where = where
        self.hint = hint
        sentence = f"{where}: found {found}; expected {expected}"
        super().__init__(f"{sentence} (hint: {hint})" if hint else sentence)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_input_error, (self.code, self.found, self.expected, self.where, self.hint)


def _rebuild_input_error(code: str, found: str, expected: str, where: str, hint: str | None) -> InputError:
    return InputError(code, found=found, expected=expected, where=where, hint=hint)


class MissingExtraError(ChaincheckError, ImportError):
    """An optional dependency is needed; ``extra`` names the extra of the package that brings it."""

    def __init__(self, extra: str, needed_for: str) -> None:
        self.extra = extra
        self.needed_for = needed_for
        super().__init__(f"{needed_for} needs the extra {extra!r}: pip install 'chaincheck[{extra}]'")


class RefusedError(ChaincheckError):
    """Raised by ``Diagnosis.raise_unless_accepted()``; ``diagnosis`` is the full answer."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.diagnosis = diagnosis
        super().__init__(diagnosis.headline)
