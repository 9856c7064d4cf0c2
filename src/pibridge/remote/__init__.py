"""Telemetry and remote hands: how the daemon is, told from afar, and a closed list of requests that it answers."""
