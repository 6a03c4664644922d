"""The two key derivations of `hashlib` that need OpenSSL: the host computes them.

In Python they would be a thousand times slower than what the project's tests are timed for.
"""

import hashlib

from airlock_harness import door, records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

#: Most memory a scrypt call may ask of the host, in bytes, as OpenSSL's default.
_SCRYPT_MEMORY = 32 * 1024 * 1024


def _bytes(value, name):
    try:
        return bytes(memoryview(value))
    except TypeError:
        raise TypeError(f"{name} must be bytes, not {type(value).__name__}") from None


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    """`hashlib.pbkdf2_hmac`."""
    if not isinstance(hash_name, str):
        raise TypeError("hash_name must be str")
    size = hashlib.new(hash_name).digest_size  # ValueError for an unknown one
    password, salt = _bytes(password, "password"), _bytes(salt, "salt")
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    if dklen is None:
        dklen = size
    if dklen < 1:
        raise ValueError("key length must be greater than 0.")
    answer = _ask({
        "op": "pbkdf2", "hash": hash_name.lower().replace("-", "").replace("sha3", "sha3_")
        if hash_name.lower().startswith("sha3-") else hash_name.lower().replace("-", ""),
        "password": password.hex(), "salt": salt.hex(),
        "iterations": iterations, "dklen": dklen,
    })
    return answer if answer is not None else _pbkdf2(hash_name, password, salt, iterations, dklen)


def _ask(request):
    """The host's key, or None where the host does not compute it: too long, or a hash it does not know."""
    answer = door.ask(request)
    key = answer.get("key")
    return None if key is None else bytes.fromhex(key)


def _pbkdf2(hash_name, password, salt, iterations, dklen):
    """RFC 8018, 5.2, in Python, for what the host does not compute."""
    import hmac

    result, block = b"", 1
    while len(result) < dklen:
        last = hmac.new(password, salt + block.to_bytes(4, "big"), hash_name).digest()
        total = int.from_bytes(last, "big")
        for _ in range(iterations - 1):
            last = hmac.new(password, last, hash_name).digest()
            total ^= int.from_bytes(last, "big")
        result += total.to_bytes(len(last), "big")
        block += 1
    return result[:dklen]


def scrypt(password, *, salt=None, n=None, r=None, p=None, maxmem=0, dklen=64):
    """`hashlib.scrypt`."""
    password = _bytes(password, "password")
    if salt is None:
        raise TypeError("salt is required")
    salt = _bytes(salt, "salt")
    if not isinstance(n, int) or n < 2 or n & (n - 1):
        raise ValueError("n must be a power of 2." if n is not None else "n is required and must be an unsigned int")
    for name, value in (("r", r), ("p", p)):
        if not isinstance(value, int) or value < 1:
            raise TypeError(f"{name} is required and must be an unsigned int")
    if not 0 <= maxmem <= 0x7FFFFFFF:
        raise ValueError("maxmem must be positive and smaller than 2147483647")
    if 128 * n * r + 128 * r * p > (maxmem or _SCRYPT_MEMORY):
        raise ValueError("memory limit exceeded")
    if not 1 <= dklen <= 0x7FFFFFFF:
        raise ValueError("dklen must be greater than 0 and smaller than 2147483647")
    key = _ask({
        "op": "scrypt", "password": password.hex(), "salt": salt.hex(),
        "n": n, "r": r, "p": p, "dklen": dklen,
    })
    if key is None:
        raise records.refuse(
            "missing_function", "hashlib.scrypt",
            ValueError("scrypt with these parameters cannot be computed in the sandbox"),
        )
    return key


def install():
    hashlib.pbkdf2_hmac = pbkdf2_hmac
    hashlib.scrypt = scrypt
    hashlib.__all__ = (*hashlib.__all__, "pbkdf2_hmac", "scrypt")
