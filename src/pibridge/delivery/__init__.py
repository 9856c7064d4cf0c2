"""From the journal to the sinks: read, contextualize, filter, pack, write, commit. One pump for each sink and lane."""
