"""Slows down who guesses the token: a few wrong tries are free, then each costs twice the wait. Pure."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import Final

from msgspec import Struct

FREE: Final = 4
"""Wrong tries in a row before the first wait."""
LONGEST_S: Final = 60.0
_FORGOTTEN_S: Final = 900.0
_MOST_PEERS: Final = 1000
_NETWORK_BITS: Final = 64


class _Peer(Struct):
    wrong: int = 0
    until_s: float = 0.0
    last_s: float = 0.0


class Guesses:
    """Wrong tries by who made them; times are of the caller's clock. Of IPv6 a network of 64 bits counts as one."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, _Peer] = OrderedDict()

    def wait_s(self, address: str, now_s: float) -> float:
        """Give how long this one has to wait before the next try; 0: it may try."""
        peer = self._peers.get(_network(address))
        return 0.0 if peer is None else max(0.0, peer.until_s - now_s)

    def wrong(self, address: str, now_s: float) -> float:
        """Count a wrong try; give how long to wait before the next."""
        name = _network(address)
        peer = self._peers.get(name)
        if peer is None or now_s - peer.last_s > _FORGOTTEN_S:
            peer = self._peers[name] = _Peer()
        self._peers.move_to_end(name)
        peer.wrong += 1
        peer.last_s = now_s
        delay_s = min(2.0 ** (peer.wrong - FREE), LONGEST_S) if peer.wrong >= FREE else 0.0
        peer.until_s = now_s + delay_s
        if len(self._peers) > _MOST_PEERS:
            self._peers.popitem(last=False)
        return delay_s

    def right(self, address: str) -> None:
        """Forget the wrong tries of one who knew it."""
        self._peers.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(int(found) >> (128 - _NETWORK_BITS))
    return str(found)
