"""What an event means: its asset, its quality, which sinks may have it, and how it is written. Pure."""
