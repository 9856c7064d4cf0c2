"""Which web addresses passwords, tokens and data may be sent to. Pure."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


def web_address(url: str, *, allow_insecure: bool) -> SplitResult:
    """Give the parts of an address with a host that https protects, or that stays on this machine.

    `allow_insecure`: plain http to another machine is accepted, too. Raises ValueError: what is wrong, in plain words.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("is no URL; write it like https://pi.example.com/piwebapi") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("is no web address; write it like https://pi.example.com/piwebapi")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password; write them under pi.auth")
    if parts.fragment:
        raise ValueError("must not have a fragment; leave out what begins with #")
    if parts.scheme == "http" and not _is_loopback(host) and not allow_insecure:
        raise ValueError(
            "plain http would show passwords and data to the network;"
            " use https, or set pi.allow_insecure: true if you accept that"
        )
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
