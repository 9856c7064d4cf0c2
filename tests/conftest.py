"""What holds for all tests."""

from hypothesis import settings

# Machines that build are slow at times; what is judged is the result.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
