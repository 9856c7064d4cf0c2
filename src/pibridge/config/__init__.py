"""The configuration: the settings of all rooms, joined; where they are read, and what is wrong with them."""
