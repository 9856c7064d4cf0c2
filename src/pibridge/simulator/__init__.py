"""A PI Web API server of our own with a small plant behind it, for tests, demonstrations and acceptance."""

from pibridge.simulator.server import Simulator, serve
from pibridge.simulator.settings import SimulatorSettings

__all__ = ["Simulator", "SimulatorSettings", "serve"]
