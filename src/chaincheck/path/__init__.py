"""Candidate paths (build) and what RFC 5280 section 6.1 says of them (validate)."""
