"""chaincheck: why is this TLS client certificate refused?

``chaincheck.diagnose("client.cer", store="server-roots.sst")`` names every cause at once. Importing starts nothing and loads almost
nothing: the names below are imported when they are first used (PEP 562).
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without the milliseconds that importing typing takes
if TYPE_CHECKING:
    from chaincheck._version import __version__ as __version__
    from chaincheck.case import replay as replay
    from chaincheck.causes.cause import Cause as Cause
    from chaincheck.causes.codes import CauseCode as CauseCode
    from chaincheck.causes.codes import DocumentedCause as DocumentedCause
    from chaincheck.causes.codes import Finding as Finding
    from chaincheck.causes.codes import Gate as Gate
    from chaincheck.causes.codes import Role as Role
    from chaincheck.causes.codes import Severity as Severity
    from chaincheck.causes.codes import Verdict as Verdict
    from chaincheck.causes.resolution import Resolution as Resolution
    from chaincheck.checker import AsyncChecker as AsyncChecker
    from chaincheck.checker import Checker as Checker
    from chaincheck.checker import diagnose as diagnose
    from chaincheck.checker import diagnose_async as diagnose_async
    from chaincheck.client import ClientProfile as ClientProfile
    from chaincheck.comparison import Changes as Changes
    from chaincheck.comparison import Comparison as Comparison
    from chaincheck.comparison import compare as compare
    from chaincheck.diagnosis import Diagnosis as Diagnosis
    from chaincheck.diagnosis import Path as Path
    from chaincheck.entry import Entry as Entry
    from chaincheck.errors import ChaincheckError as ChaincheckError
    from chaincheck.errors import InputError as InputError
    from chaincheck.errors import MissingExtraError as MissingExtraError
    from chaincheck.errors import RefusedError as RefusedError
    from chaincheck.fetch.cache import Cache as Cache
    from chaincheck.fetch.guard import Guard as Guard
    from chaincheck.fleet.incidents import Incident as Incident
    from chaincheck.fleet.incidents import Waiver as Waiver
    from chaincheck.fleet.incidents import incidents as incidents
    from chaincheck.fleet.incidents import next_look as next_look
    from chaincheck.fleet.many import Result as Result
    from chaincheck.fleet.many import diagnose_many as diagnose_many
    from chaincheck.fleet.many import diagnose_many_async as diagnose_many_async
    from chaincheck.fleet.metrics import Metrics as Metrics
    from chaincheck.fleet.plots import plot_causes as plot_causes
    from chaincheck.fleet.plots import plot_expiry as plot_expiry
    from chaincheck.fleet.summary import summary_page as summary_page
    from chaincheck.fleet.tables import cause_records as cause_records
    from chaincheck.fleet.tables import records as records
    from chaincheck.formats.limits import Limits as Limits
    from chaincheck.handed_on import from_header as from_header
    from chaincheck.iis.explanation import Explanation as Explanation
    from chaincheck.iis.explanation import explain as explain
    from chaincheck.past import PastCause as PastCause
    from chaincheck.past import PastDiagnosis as PastDiagnosis
    from chaincheck.question import DEFAULT as DEFAULT
    from chaincheck.question import NO_CERTIFICATE as NO_CERTIFICATE
    from chaincheck.question import NO_KEY as NO_KEY
    from chaincheck.rules import IIS as IIS
    from chaincheck.rules import OPENSSL as OPENSSL
    from chaincheck.rules import RFC5280 as RFC5280
    from chaincheck.rules import PolicySettings as PolicySettings
    from chaincheck.rules import Rules as Rules
    from chaincheck.scanning import Found as Found
    from chaincheck.scanning import scan as scan
    from chaincheck.server import ServerProfile as ServerProfile
    from chaincheck.store import TrustStore as TrustStore
    from chaincheck.x509.certificate import Certificate as Certificate

_HOMES = {
    "__version__": "_version",
    "replay": "case",
    "Cause": "causes.cause",
    "CauseCode": "causes.codes",
    "DocumentedCause": "causes.codes",
    "Finding": "causes.codes",
    "Gate": "causes.codes",
    "Role": "causes.codes",
    "Severity": "causes.codes",
    "Verdict": "causes.codes",
    "Resolution": "causes.resolution",
    "AsyncChecker": "checker",
    "Checker": "checker",
    "diagnose": "checker",
    "diagnose_async": "checker",
    "ClientProfile": "client",
    "Changes": "comparison",
    "Comparison": "comparison",
    "compare": "comparison",
    "Diagnosis": "diagnosis",
    "Path": "diagnosis",
    "Entry": "entry",
    "ChaincheckError": "errors",
    "InputError": "errors",
    "MissingExtraError": "errors",
    "RefusedError": "errors",
    "Cache": "fetch.cache",
    "Guard": "fetch.guard",
    "Limits": "formats.limits",
    "PastCause": "past",
    "PastDiagnosis": "past",
    "DEFAULT": "question",
    "NO_CERTIFICATE": "question",
    "NO_KEY": "question",
    "Incident": "fleet.incidents",
    "Waiver": "fleet.incidents",
    "incidents": "fleet.incidents",
    "next_look": "fleet.incidents",
    "Result": "fleet.many",
    "diagnose_many": "fleet.many",
    "diagnose_many_async": "fleet.many",
    "Metrics": "fleet.metrics",
    "plot_causes": "fleet.plots",
    "plot_expiry": "fleet.plots",
    "summary_page": "fleet.summary",
    "cause_records": "fleet.tables",
    "records": "fleet.tables",
    "from_header": "handed_on",
    "Explanation": "iis.explanation",
    "explain": "iis.explanation",
    "IIS": "rules",
    "OPENSSL": "rules",
    "RFC5280": "rules",
    "PolicySettings": "rules",
    "Rules": "rules",
    "Found": "scanning",
    "scan": "scanning",
    "ServerProfile": "server",
    "TrustStore": "store",
    "Certificate": "x509.certificate",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
