"""What the daemon says of itself: counters, health, metrics, the loopback page."""
