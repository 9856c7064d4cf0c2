"""From PI into the journal: what arrives live, what was missed, and the tags it belongs to."""
