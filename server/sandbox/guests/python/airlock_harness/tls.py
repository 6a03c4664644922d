"""`_ssl` without TLS: contexts can be made and configured, wrapping a socket is refused."""

import errno

from airlock_harness import records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code


def _denied(what):
    return records.refuse("socket", what, PermissionError(errno.EPERM, "Operation not permitted"))


class _SSLContext:
    """Keeps what it is told; loads certificates only as far as checking that files exist."""

    def __new__(cls, protocol=2, *args, **kwargs):
        self = object.__new__(cls)
        state = self.__dict__
        client = protocol in (2, 16)
        state["_protocol"] = protocol
        state["_options"] = 0x82520050
        state["_verify_mode"] = 2 if protocol == 16 else 0
        state["_check_hostname"] = protocol == 16
        state["_verify_flags"] = 0x8000
        state["_minimum"], state["_maximum"] = 771, -1
        state["_host_flags"] = 4
        state["post_handshake_auth"] = False
        state["keylog_filename"] = None
        state["num_tickets"] = 2
        state["security_level"] = 2
        state["sni_callback"] = None
        state["_msg_callback"] = None
        state["_certificates"] = 0
        del client
        return self

    protocol = property(lambda self: self._protocol)
    options = property(lambda self: self._options, lambda self, v: self.__dict__.__setitem__("_options", int(v)))
    verify_flags = property(lambda self: self._verify_flags, lambda self, v: self.__dict__.__setitem__("_verify_flags", int(v)))
    minimum_version = property(lambda self: self._minimum, lambda self, v: self.__dict__.__setitem__("_minimum", int(v)))
    maximum_version = property(lambda self: self._maximum, lambda self, v: self.__dict__.__setitem__("_maximum", int(v)))

    @property
    def verify_mode(self):
        return self._verify_mode

    @verify_mode.setter
    def verify_mode(self, value):
        if int(value) == 0 and self._check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self.__dict__["_verify_mode"] = int(value)

    @property
    def check_hostname(self):
        return self._check_hostname

    @check_hostname.setter
    def check_hostname(self, value):
        if value and self._verify_mode == 0:
            self.__dict__["_verify_mode"] = 2
        self.__dict__["_check_hostname"] = bool(value)

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        if cafile is not None:
            with open(cafile, "rb"):
                pass
        self.__dict__["_certificates"] += 1

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        for name in (certfile, keyfile):
            if name is not None:
                with open(name, "rb"):
                    pass

    def set_default_verify_paths(self):
        pass

    def set_ciphers(self, ciphers, /):
        pass

    def set_alpn_protocols(self, protocols):
        pass

    _set_alpn_protocols = set_alpn_protocols

    def get_ciphers(self):
        return []

    def cert_store_stats(self):
        return {"x509": self._certificates, "crl": 0, "x509_ca": self._certificates}

    def get_ca_certs(self, binary_form=False):
        return []

    def session_stats(self):
        return dict.fromkeys(("number", "connect", "connect_good", "connect_renegotiate", "accept",
                              "accept_good", "accept_renegotiate", "hits", "misses", "timeouts",
                              "cache_full"), 0)

    def load_dh_params(self, path, /):
        with open(path, "rb"):
            pass

    def set_ecdh_curve(self, name, /):
        pass

    def _wrap_socket(self, *args, **kwargs):
        raise _denied("TLS over a socket")

    def _wrap_bio(self, *args, **kwargs):
        raise _denied("TLS over memory buffers")


class MemoryBIO:
    """`ssl.MemoryBIO`: a byte queue with an end."""

    def __init__(self):
        self._data, self._eof = bytearray(), False

    pending = property(lambda self: len(self._data))
    eof = property(lambda self: self._eof and not self._data)

    def write(self, data, /):
        if self._eof:
            raise OSError("cannot write() after write_eof()")
        self._data += data
        return len(data)

    def write_eof(self):
        self._eof = True

    def read(self, size=-1, /):
        size = len(self._data) if size < 0 else size
        data = bytes(self._data[:size])
        del self._data[:size]
        return data


def fill(module):
    """Complete the `_ssl` stand-in."""

    class SSLError(OSError):
        """An error occurred in the SSL implementation."""

        library = reason = None

        def __str__(self):
            return str(self.strerror) if self.strerror is not None else str(self.args)

    SSLError.__module__ = "ssl"
    module.SSLError = SSLError
    for name in ("SSLZeroReturnError", "SSLWantReadError", "SSLWantWriteError", "SSLSyscallError",
                 "SSLEOFError"):
        setattr(module, name, type(name, (SSLError,), {"__module__": "ssl"}))
    module.SSLCertVerificationError = type(
        "SSLCertVerificationError", (SSLError, ValueError), {"__module__": "ssl"})
    module._SSLContext, module.MemoryBIO = _SSLContext, MemoryBIO
    for name in ("HAS_PSK", "HAS_PSK_TLS13", "HAS_PHA"):
        setattr(module, name, True)
    module.OPENSSL_VERSION_INFO = (3, 0, 0, 0, 0)
    module._OPENSSL_API_VERSION = (3, 0, 0, 0, 0)
    module._DEFAULT_CIPHERS = "DEFAULT"
    module.RAND_status = lambda: True
    module.RAND_add = lambda data, entropy, /: None
    module.RAND_bytes = __import__("os").urandom
    module.get_default_verify_paths = lambda: ("SSL_CERT_FILE", "/usr/lib/ssl/cert.pem", "SSL_CERT_DIR", "/usr/lib/ssl/certs")
    module.txt2obj = _txt2obj
    module.nid2obj = lambda nid, /: _txt2obj({129: "1.3.6.1.5.5.7.3.1", 130: "1.3.6.1.5.5.7.3.2"}.get(nid, ""))
    module.get_sigalgs = lambda: []


#: The two object identifiers that `ssl.Purpose` asks for.
_OBJECTS = {
    "1.3.6.1.5.5.7.3.1": (129, "serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1"),
    "1.3.6.1.5.5.7.3.2": (130, "clientAuth", "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2"),
}


def _txt2obj(txt, name=False):
    found = _OBJECTS.get(txt)
    if found is None:
        raise ValueError(f"unknown object {txt!r:.100}")
    return found
