"""Many certificates: asked one after another in bounded memory, grouped into incidents, followed over time, told to monitoring."""
