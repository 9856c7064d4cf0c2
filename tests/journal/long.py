"""Whether the long variants of the tests run: `PIBRIDGE_LONG=1`."""

import os

LONG = bool(os.environ.get("PIBRIDGE_LONG"))
