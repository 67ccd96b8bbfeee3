"""The faces of a diagnosis: one sentence, text for a terminal, JSON. They see only the diagnosis, its causes and its certificates."""
