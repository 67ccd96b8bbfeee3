"""A small company: two roots, an issuing CA, and diagnoses of its clients without network, as of `pki.AT`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import chaincheck
import pki


@dataclass(frozen=True)
class Company:
    root: pki.Authority = field(default_factory=lambda: pki.root("CN=Contoso Root CA,O=Contoso"))
    other: pki.Authority = field(default_factory=lambda: pki.root("CN=Fabrikam Root CA,O=Fabrikam"))

    @property
    def ca(self) -> pki.Authority:
        return self.root.issue_ca("CN=Contoso Issuing CA,O=Contoso")

    def store(self, **compartments: Any) -> chaincheck.TrustStore:
        told: dict[str, Any] = {"roots": [self.root.der], "intermediates": [self.ca.der], "disallowed": [], **compartments}
        return chaincheck.TrustStore(**told, name="server-roots.sst")

    def good(self, **options: Any) -> chaincheck.Diagnosis:
        return self.ask(self.ca.issue("CN=alice,O=Contoso"), **options)

    def expired(self, **options: Any) -> chaincheck.Diagnosis:
        return self.ask(self.ca.issue("CN=alice,O=Contoso", not_after=pki.AT - timedelta(days=3)), **options)

    def without_root(self, **options: Any) -> chaincheck.Diagnosis:
        store = self.store(roots=[self.other.der])
        return self.ask(self.ca.issue("CN=alice,O=Contoso"), store=store, presented=[self.root.der], **options)

    def revoked(self, **options: Any) -> chaincheck.Diagnosis:
        client = self.ca.issue("CN=alice,O=Contoso", crl_urls=("http://pki.contoso.example/ca.crl",))
        crl = self.ca.crl([(client.serial, pki.AT - timedelta(days=30), "keyCompromise")])
        return self.ask(client, crls=[crl], **options)

    def ask(self, client: pki.Issued, **options: Any) -> chaincheck.Diagnosis:
        told: dict[str, Any] = {"key": client.key.private, "store": self.store(), "at": pki.AT, "fetch": "never", **options}
        return chaincheck.diagnose(client.der, **told)
