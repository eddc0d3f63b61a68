"""Networks of addresses as people write them: one form for each, IPv4 out of its IPv6 disguise.

Pure; no database, no request.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network

from django.utils.translation import gettext as _

Network = IPv4Network | IPv6Network

_MAPPED = IPv6Network("::ffff:0:0/96")

# What a database can check by itself of a network's canonical text.
_BYTE = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_BYTE}(\.{_BYTE}){{3}}/(3[0-2]|[12]?[0-9])"
_IPV6 = r"[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}/(12[0-8]|1[01][0-9]|[1-9]?[0-9])"
NETWORK_PATTERN = rf"\A({_IPV4}|{_IPV6})\Z"
NETWORK_MAX = 43


def parse_network(text: str) -> Network:
    """Read an address or a network such as ``192.0.2.0/24``; bits beyond the prefix are dropped.

    Raises ``ValueError`` with a translated sentence for anything else.
    """
    try:
        if "%" in text:
            raise ValueError(text)  # an interface of ours is nothing that sockets are known by
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(
            _("“%(text)s” is no address or network, such as 192.0.2.0/24 or 2001:db8::/64.")
            % {"text": text}
        ) from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        # Sockets are known by the IPv4 address that such a network means.
        first = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((first, network.prefixlen - _MAPPED.prefixlen))
    return network
