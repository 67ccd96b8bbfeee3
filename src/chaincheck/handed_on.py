"""``chaincheck.from_header``: the client certificate that a proxy hands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck.question import NO_CERTIFICATE

if TYPE_CHECKING:
    from chaincheck.question import _Told
    from chaincheck.x509.certificate import Certificate


def from_header(value: str | bytes | None, proxy: str) -> tuple[Certificate, ...] | _Told:
    """The certificates in a header, the client's first, to be handed to ``diagnose``; ``NO_CERTIFICATE`` where the client sent none.

    ``proxy``: nginx (``$ssl_client_escaped_cert``, and ``$ssl_client_cert`` with its folded lines), apache (``SSL_CLIENT_CERT``), haproxy
    (``ssl_c_der,base64``), envoy (``x-forwarded-client-cert``), traefik (``X-Forwarded-Tls-Client-Cert``), aws-alb
    (``X-Amzn-Mtls-Clientcert``), arr (``X-ARR-ClientCert``), rfc9440 (``Client-Cert``, also ``Client-Cert-Chain``).

    Whoever can reach the server past the proxy can write the header himself: let the proxy remove what clients send. Nothing is verified
    here, and that the client has the key is the word of the proxy alone.

    Raises ``InputError`` for a proxy that is not known, and for a value that is not what it writes. No path is ever opened.
    """
    from chaincheck.formats.header import certificates

    return certificates(value, proxy) or NO_CERTIFICATE
