"""The proof that nothing is lost: PI's archive, the journal and what sinks acknowledged, compared hour by hour."""
