"""Network addresses, as a connection or a proxy names them."""

from ipaddress import IPv4Address, IPv6Address, ip_address


def parse_address(text: str | None) -> IPv4Address | IPv6Address | None:
    """The address without zone; None for what isn't one, such as the name of a local socket."""
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    # The same client, whether the server listens on both families or on one.
    return getattr(address, "ipv4_mapped", None) or address
