"""Why a certificate is refused: the codes, the facts, the catalogue and its words."""
