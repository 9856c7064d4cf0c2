"""What holds for all tests."""

import socket

import pytest
from hypothesis import settings

# Machines that build are slow at times; what is judged is the result.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def port() -> int:
    """Find a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        number: int = listener.getsockname()[1]
        return number
