"""Sockets: none can be made.  Names and addresses that need no network are answered.

`MemorySocket` pairs are the one exception: an event loop's wake-up channel to itself (trio's), all
inside the interpreter.
"""

import errno

from airlock_harness import records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

_METHODS = (
    "bind", "connect", "connect_ex", "getpeername", "getsockname", "listen", "recvfrom",
    "recvfrom_into", "recvmsg", "recvmsg_into", "sendmsg", "sendto", "setsockopt", "getsockopt",
)


def _denied(what):
    return records.refuse("socket", what, PermissionError(errno.EPERM, "Operation not permitted"))


def _init(self, family=-1, type=-1, proto=-1, fileno=None):
    """`socket.socket.__init__`."""
    raise _denied("a socket")


def _method(name):
    def method(self, *args, **kwargs):
        raise _denied(f"socket.{name}")

    method.__name__ = method.__qualname__ = name
    return method


def _numeric(host):
    import ipaddress

    if host is None or host == "localhost":
        return [ipaddress.ip_address("127.0.0.1")]
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    if host == "":
        return [ipaddress.ip_address("0.0.0.0")]
    try:
        return [ipaddress.ip_address(host.partition("%")[0])]
    except ValueError:
        return None


def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    """`socket.getaddrinfo` for addresses that need no resolver."""
    import socket

    addresses = _numeric(host)
    if addresses is None:
        raise records.refuse(
            "socket", f"looked up the host {str(host)[:80]!r}",
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        )
    if isinstance(port, (str, bytes)):
        text = port.decode() if isinstance(port, bytes) else port
        number = _SERVICES.get(text) if not text.isdigit() else int(text)
        if number is None:
            raise socket.gaierror(socket.EAI_SERVICE, "Servname not supported for ai_socktype")
    else:
        number = port or 0
    found = []
    for address in addresses:
        if address.version == 6:
            kind, place = socket.AF_INET6, (str(address), number, 0, 0)
        else:
            kind, place = socket.AF_INET, (str(address), number)
        if family not in (0, kind):
            continue
        for stream, protocol in ((socket.SOCK_STREAM, 6), (socket.SOCK_DGRAM, 17)):
            if type in (0, stream) and proto in (0, protocol):
                found.append((kind, stream, protocol, "", place))
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return found


_SERVICES = {"http": 80, "https": 443, "ftp": 21, "ssh": 22, "smtp": 25, "domain": 53}


def gethostbyname(name):
    """`socket.gethostbyname`."""
    import socket

    return getaddrinfo(name, None, socket.AF_INET)[0][4][0]


def _gethostbyaddr(address):
    if str(address) in ("127.0.0.1", "::1", "localhost"):
        return "localhost", [], ["127.0.0.1"]
    import socket

    raise records.refuse(
        "socket", f"looked up the host {str(address)[:80]!r}", socket.herror(1, "Unknown host")
    )


def _getservbyname(name, protocol="tcp"):
    if name in _SERVICES:
        return _SERVICES[name]
    raise OSError("service/proto not found")


def _getservbyport(port, protocol="tcp"):
    for name, number in _SERVICES.items():
        if number == port:
            return name
    raise OSError("port/proto not found")


def _inet_pton(original):
    def inet_pton(family, text):
        import ipaddress
        import socket

        if family != socket.AF_INET6:
            return original(family, text)
        try:
            return ipaddress.IPv6Address(text).packed
        except ValueError:
            raise OSError("illegal IP address string passed to inet_pton") from None

    return inet_pton


def _inet_ntop(original):
    def inet_ntop(family, packed):
        import ipaddress
        import socket

        if family != socket.AF_INET6:
            return original(family, packed)
        if len(packed) != 16:
            raise ValueError("invalid length of packed IP address string")
        return str(ipaddress.IPv6Address(bytes(packed)))

    return inet_ntop


class MemorySocket:
    """One end of a socket pair that never leaves the interpreter; enough for a wake-up channel."""

    _numbers = iter(range(10_000, 1_000_000))
    by_number = {}

    def __init__(self):
        self._fd = next(self._numbers)
        self.buffer = bytearray()
        self.peer = None
        self.by_number[self._fd] = self

    def fileno(self):
        return self._fd

    def send(self, data, flags=0):
        if self.peer is None:
            raise OSError(errno.EBADF, "Bad file descriptor")
        if len(self.peer.buffer) > 65_536:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self.peer.buffer += data
        return len(data)

    sendall = send

    def recv(self, size, flags=0):
        if not self.buffer:
            if self.peer is None:
                return b""
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def setblocking(self, flag):
        pass

    def settimeout(self, value):
        pass

    def setsockopt(self, *args):
        pass

    def getsockopt(self, *args):
        return 0

    def close(self):
        self.by_number.pop(self._fd, None)
        self._fd = -1
        if self.peer is not None:
            self.peer.peer = None
            self.peer = None

    def detach(self):
        fd = self._fd
        self.close()
        return fd

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def memory_pair(*args, **kwargs):
    """A connected pair, as `socket.socketpair()` gives."""
    one, other = MemorySocket(), MemorySocket()
    one.peer, other.peer = other, one
    return one, other


def _no_pair(family=None, type=None, proto=0):
    raise _denied("a socket pair")


def install():
    import _socket
    import socket

    socket.socket.__init__ = _init
    for name in _METHODS:
        if not hasattr(socket.socket, name):
            setattr(socket.socket, name, _method(name))
    given = {
        "getaddrinfo": getaddrinfo, "gethostbyname": gethostbyname,
        "gethostbyname_ex": lambda name: (name, [], [gethostbyname(name)]),
        "gethostbyaddr": _gethostbyaddr, "getservbyname": _getservbyname,
        "getservbyport": _getservbyport, "getprotobyname": lambda n: {"icmp": 1, "tcp": 6, "udp": 17}[n],
        "getnameinfo": lambda address, flags: (str(address[0]), str(address[1])),
        "if_nameindex": lambda: [(1, "lo")], "if_nametoindex": lambda name: 1,
        "if_indextoname": lambda index: "lo",
    }
    for name, function in given.items():
        if not hasattr(_socket, name):
            setattr(_socket, name, function)
            setattr(socket, name, function)
    # The module's own getaddrinfo wraps the C one and turns numbers into enums.
    for name in ("inet_pton", "inet_ntop"):
        wrap = {"inet_pton": _inet_pton, "inet_ntop": _inet_ntop}[name]
        function = wrap(getattr(_socket, name))
        setattr(_socket, name, function)
        setattr(socket, name, function)
    socket.gethostname = lambda: "localhost"
    socket.getfqdn = lambda name="": name or "localhost"
    socket.socketpair = _no_pair
    socket.has_ipv6 = True
    from airlock_harness import missing

    missing.watch(socket)
