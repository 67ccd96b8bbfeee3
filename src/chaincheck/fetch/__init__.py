"""Asking the network for evidence: what is asked and answered, who may be reached, and the drivers around the engine.

``request`` (the shapes), ``guard`` and ``drive`` are cheap to import; ``http`` imports httpx when the first request really leaves.
"""
