"""How an OCSP question goes over the wire: by POST with a nonce, and at most once more otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from chaincheck.fetch.request import Request

NONCE_OCTETS: Final = 32  # RFC 9654 2.1: "MUST use a minimum length of 32 octets"
_LONGEST_GET: Final = 255  # RFC 5019 5: the URL whole, after encoding

# What a responder says that does not take the method or the form of the question; RFC 9110 15.5 and 15.6 unless another source is named.
_REFUSED: Final = {
    400,  # Bad Request: older responders do not read extensions
    403,  # what the caches of CDNs answer to a method they do not pass on (Amazon CloudFront, "Allowed HTTP methods")
    404,  # a tree of prepared answers, RFC 5019 1, that knows paths and no POST
    405,  # Method Not Allowed
    411,  # Length Required, though it was sent: no bodies are read
    413,  # Content Too Large
    415,  # Unsupported Media Type
    501,  # Not Implemented: the method is not known at all
}


class Again(NamedTuple):
    """The same question put otherwise. ``because`` stands before what then comes of it."""

    method: str
    url: str
    body: bytes
    because: str


class OcspQuestion:
    """One question, and whether there is another way left to put it. ``nonce`` is that of the form sent last, empty for none."""

    def __init__(self, request: Request, *, nonce: bool) -> None:
        self._request = request
        self._may_rephrase = request.method == "POST"
        self.nonce = b""
        self.body = request.body
        if nonce and self._may_rephrase:
            self._add_nonce()

    def _add_nonce(self) -> None:
        from secrets import token_bytes

        from chaincheck.x509.der import Malformed
        from chaincheck.x509.ocsp import with_nonce

        nonce = token_bytes(NONCE_OCTETS)
        try:
            self.body = with_nonce(self._request.body, nonce)
        except Malformed:  # what has no place for a nonce goes as it is
            return
        self.nonce = nonce

    def after_status(self, status: int) -> Again | None:
        """How to ask where POST was answered with this status: by GET (RFC 6960 A.1), without the nonce, which would prevent that an answer
        is cached (RFC 5019 5). None where that is no way.
        """
        url = self._url() if self._may_rephrase and status in _REFUSED else None
        if url is None:
            return None
        self._may_rephrase, self.nonce = False, b""
        return Again("GET", url, b"", f"status {status} to POST; asked by GET: ")

    def after_body(self, body: bytes) -> Again | None:
        """How to ask where the answer was this: without the nonce, where the responder may not have understood it.

        RFC 6960 4.2.2.3 and 4.4.1: a nonce is optional; responders that only have prepared answers say unauthorized (RFC 5019 2.2.3).
        POST is what the responder has just taken.
        """
        if not (self._may_rephrase and self.nonce):
            return None
        from chaincheck.x509.ocsp import refusal

        status = refusal(body)
        if status not in ("malformedRequest", "unauthorized"):
            return None
        self._may_rephrase, self.nonce = False, b""
        return Again("POST", self._request.url, self._request.body, f"{status} to a question with a nonce; asked without: ")

    def drop_nonce(self) -> None:
        """The question was redirected to a GET without its body."""
        self._may_rephrase, self.nonce = False, b""

    def _url(self) -> str | None:
        """RFC 6960 A.1: {url}/{url-encoding of base-64 encoding of the DER encoding of the OCSPRequest}."""
        from base64 import b64encode
        from urllib.parse import quote

        base = self._request.url
        if "?" in base or "#" in base:  # nothing can be put behind these
            return None
        url = f"{base.removesuffix('/')}/{quote(b64encode(self._request.body).decode('ascii'), safe='')}"
        return url if len(url) <= _LONGEST_GET else None


def is_try_later(body: bytes) -> bool:
    """RFC 6960 4.2.2.3? The service exists and is temporarily unable to respond."""
    from chaincheck.x509.ocsp import refusal

    return refusal(body) == "tryLater"
