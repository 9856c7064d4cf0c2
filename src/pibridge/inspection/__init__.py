"""A look at the journal with the configuration in hand: its records as the sinks get them, and what became of each."""
