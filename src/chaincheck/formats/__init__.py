"""What users hold (PEM, DER, Base64, PKCS#7, PKCS#12, serialized stores, keys, directories, objects) read into DER bytes."""
