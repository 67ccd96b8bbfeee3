"""What Windows shows for a cause, each item with how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """DOCUMENTED by the vendor or a specification; REPORTED by users in public; INFERRED from other facts."""

    DOCUMENTED = "documented"
    REPORTED = "reported"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStatus:
    """A CERT_TRUST_* flag of ``CERT_TRUST_STATUS.dwErrorStatus``; ``mark``: that Windows raises it for this cause."""

    name: str
    bit: int
    mark: Mark

    @property
    def hex(self) -> str:
        """The bit as certutil names it, for example ``0x00000020``."""
        return f"0x{self.bit:08X}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HResult:
    """The code beside the status; ``mark``: that this code comes with this cause.

    ``logged`` is what IIS writes to ``sc-win32-status``: the unsigned form, but 5 for ERROR_ACCESS_DENIED.
    """

    name: str
    unsigned: int
    logged: int
    mark: Mark

    @property
    def hex(self) -> str:
        """For example ``0x800B0109``."""
        return f"0x{self.unsigned:08X}"

    @property
    def signed(self) -> int:
        """The form that .NET and certutil print."""
        return self.unsigned - (1 << 32) if self.unsigned >= 1 << 31 else self.unsigned


@dataclass(frozen=True, slots=True, kw_only=True)
class IISStatus:
    """A status with substatus, for example ``403.16``; ``mark``: that IIS answers this cause so."""

    status: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsCodes:
    """The flag, the HRESULT and the IIS status of one cause; ``also``: other statuses the same cause is seen with."""

    trust_status: TrustStatus | None = None
    hresult: HResult | None = None
    iis: IISStatus | None = None
    also: tuple[IISStatus, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON: every code in the forms in which Windows shows it."""
        flag, code, iis = self.trust_status, self.hresult, self.iis
        return {
            "trust_status": flag and {"name": flag.name, "bit": flag.hex, "mark": flag.mark.value},
            "hresult": code
            and {
                "name": code.name,
                "hex": code.hex,
                "signed": code.signed,
                "unsigned": code.unsigned,
                "logged": code.logged,
                "mark": code.mark.value,
            },
            "iis": iis and {"status": iis.status, "mark": iis.mark.value},
            "also": [{"status": other.status, "mark": other.mark.value} for other in self.also],
        }
