"""Builds the parts from the configuration, runs them as named tasks, stops them in two steps."""
