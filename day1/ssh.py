"""Commands on a router over SSH: by its pinned host key, within a limit of time.

AsyncSSH and not Paramiko: it is typed, brings `cryptography` alone, pins a key without a file, and
bounds every wait. It is imported only where a router is spoken with, not by every preview.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from day1.errors import LoginError, UnreachableError

if TYPE_CHECKING:
    from asyncssh import SSHClientConnection, SSHKey

#: To be connected and let in, which takes a busy or emulated router its time.
_ATTEMPT_SECONDS = 15.0
_PAUSE_SECONDS = 0.25
_COMMAND_SECONDS = 30.0
_KEEPALIVE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a router is, who it is, and how it knows us. Keys are in OpenSSH's formats."""

    host: str
    host_key: str
    private_key: str = field(repr=False)
    port: int = 22
    user: str = "root"

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said: its status (-1 where there is none), its output and its complaints."""

    status: int
    output: bytes
    complaints: str


class Connection:
    """A connection to a router. Raises `UnreachableError` when the router stops answering."""

    def __init__(self, connection: SSHClientConnection, address: Address) -> None:
        self._connection = connection
        self._address = address

    async def run(self, command: str, content: bytes = b"") -> Answer:
        """Run a command with this as its standard input."""
        import asyncssh

        try:
            done = await self._connection.run(
                command, input=content, encoding=None, check=False, timeout=_COMMAND_SECONDS
            )
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise UnreachableError(
                f"the connection to {self._address} was lost: {_words(error)}"
            ) from None
        return Answer(
            -1 if done.returncode is None else done.returncode,
            _bytes(done.stdout),
            _bytes(done.stderr).decode(errors="replace").strip(),
        )


@asynccontextmanager
async def connected(address: Address, within_seconds: float) -> AsyncIterator[Connection]:
    """A new connection; one that may still be booting is tried until the time is up.

    A wrong host key or a login that is refused is final: waiting would change nothing.
    """
    connection = await _patiently(address, within_seconds)
    try:
        yield Connection(connection, address)
    finally:
        connection.abort()  # to close politely would wait for one that is gone


async def _patiently(address: Address, within_seconds: float) -> SSHClientConnection:
    host_key = _host_key(address)
    private_key = _private_key(address)
    deadline = time.monotonic() + within_seconds
    while True:
        left = deadline - time.monotonic()
        try:
            limit = max(0.1, min(_ATTEMPT_SECONDS, left))
            return await _connect(address, host_key, private_key, limit)
        except UnreachableError as error:
            if time.monotonic() + _PAUSE_SECONDS > deadline:
                raise UnreachableError(
                    f"{address} does not answer by SSH within {within_seconds:.0f} s ({error}). "
                    "Is the machine running (its console tells), does a route lead to it, and "
                    "does its firewall let SSH in from here?"
                ) from None
        await asyncio.sleep(_PAUSE_SECONDS)


async def _connect(
    address: Address, host_key: SSHKey, private_key: SSHKey, limit: float
) -> SSHClientConnection:
    import asyncssh

    try:
        return await asyncssh.connect(
            address.host,
            address.port,
            username=address.user,
            client_keys=[private_key],
            known_hosts=([host_key], [], []),
            preferred_auth="publickey",
            # Nothing of the user's own: neither ~/.ssh/config, nor an agent, nor more keys.
            config=None,
            agent_path=None,
            connect_timeout=limit,
            login_timeout=limit,
            keepalive_interval=_KEEPALIVE_SECONDS,
        )
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
        raise LoginError(
            f"{address} has another host key than the stack knows: it is another machine, or "
            "somebody is in between. Nothing was sent. If the router was made anew outside of "
            "Pulumi, `pulumi up --target-replace` it"
        ) from None
    except asyncssh.PermissionDenied:
        raise LoginError(
            f"{address} does not accept the stack's SSH key; it belongs into the router's "
            "/etc/dropbear/authorized_keys"
        ) from None
    except (asyncssh.Error, OSError, TimeoutError) as error:
        raise UnreachableError(_words(error)) from None


def _host_key(address: Address) -> SSHKey:
    import asyncssh

    try:
        return asyncssh.import_public_key(address.host_key)
    except asyncssh.KeyImportError:
        raise LoginError(
            f"the host key of {address} is no public key in OpenSSH's format (ssh-ed25519 AAAA…)"
        ) from None


def _private_key(address: Address) -> SSHKey:
    import asyncssh

    try:
        return asyncssh.import_private_key(address.private_key)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        # Without the cause: it may quote the key.
        raise LoginError(
            f"the private key for {address} is no unencrypted key in OpenSSH's or PEM format"
        ) from None


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _bytes(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
