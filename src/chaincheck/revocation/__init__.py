"""Revocation: what evidence says about one certificate (RFC 5280 6.3, RFC 6960 3.2)."""
