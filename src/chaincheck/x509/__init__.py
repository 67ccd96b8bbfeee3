"""The facts of one certificate, CRL or OCSP response, read lazily from its DER bytes."""
