"""SSH keys in the formats that programs want them in."""

from __future__ import annotations

import base64
import struct

_MAGIC = b"openssh-key-v1\0"
_KIND = b"ssh-ed25519"


def dropbear_key(openssh_private_key: str) -> bytes:
    """An Ed25519 key as dropbear keeps it, from OpenSSH's text.

    OpenSSH's format is in its PROTOCOL.key; dropbear's is the kind, then the seed and the public
    key as one string of 64 bytes (dropbear, `buf_put_ed25519_priv_key`), which is what OpenSSH's
    private section holds as well.
    """
    lines = openssh_private_key.strip().splitlines()
    data = base64.b64decode("".join(lines[1:-1]))
    if not data.startswith(_MAGIC):
        raise ValueError("not a private key in OpenSSH's format")
    rest = data[len(_MAGIC) :]
    cipher, rest = _string(rest)
    _kdf, rest = _string(rest)
    _options, rest = _string(rest)
    (count,) = struct.unpack_from(">I", rest)
    _public, rest = _string(rest[4:])
    private, _ = _string(rest)
    if cipher != b"none" or count != 1:
        raise ValueError("the private key must have no passphrase, and be one")
    kind, private = _string(private[8:])  # two equal check numbers come first
    if kind != _KIND:
        raise ValueError(f"the private key is of kind {kind.decode()}, not {_KIND.decode()}")
    _, private = _string(private)
    secret, _ = _string(private)
    return struct.pack(">I", len(_KIND)) + _KIND + struct.pack(">I", len(secret)) + secret


def _string(data: bytes) -> tuple[bytes, bytes]:
    """A string with its length before it (RFC 4251, section 5), and what follows."""
    (length,) = struct.unpack_from(">I", data)
    return data[4 : 4 + length], data[4 + length :]
