"""One request at a time, with limits, and errors that say what to do instead."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from images.errors import ImageError

CONNECT_SECONDS = 10.0
STALL_SECONDS = 30.0  # without a byte
_LARGEST_TEXT = 1 << 22


class TransferError(ImageError):
    """The transfer broke off or the server has a bad moment: it may work when tried again."""


def client() -> httpx.Client:
    """A client that follows redirects, as the build service uses them, and knows proxies."""
    return httpx.Client(
        follow_redirects=True,
        timeout=httpx.Timeout(STALL_SECONDS, connect=CONNECT_SECONDS),
        # An image must arrive as it is: its checksum is that of the file.
        headers={"Accept-Encoding": "identity", "User-Agent": "underlay"},
    )


def text(url: str, remedy: str) -> str:
    """A small text file."""
    with answer(url, remedy) as response:
        gathered = b""
        for chunk in response.iter_raw():
            gathered += chunk
            if len(gathered) > _LARGEST_TEXT:
                raise ImageError(f"{url} is far too large for what it should be: {remedy}")
    return gathered.decode("utf-8", "replace")


@contextmanager
def answer(
    url: str, remedy: str, headers: Mapping[str, str] | None = None
) -> Iterator[httpx.Response]:
    """The answer to a GET, to be streamed. Raises `ImageError`, or `TransferError` to try again."""
    with (
        broken_off(url, remedy),
        client() as http_client,
        http_client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code not in (200, 206, 416):
            refuse(url, response.status_code, remedy)
        yield response


@contextmanager
def broken_off(url: str, remedy: str) -> Iterator[None]:
    """Turn what the transport says into one sentence."""
    host = urlsplit(url).netloc
    try:
        yield
    except httpx.ConnectTimeout:
        raise TransferError(
            f"{host} did not answer within {CONNECT_SECONDS:.0f} s: {remedy}"
        ) from None
    except httpx.TimeoutException:
        raise TransferError(
            f"{host} sent nothing for {STALL_SECONDS:.0f} s ({url}): {remedy}"
        ) from None
    except httpx.ConnectError as error:
        raise TransferError(f"{host} cannot be reached ({error}): {remedy}") from None
    except httpx.TransportError as error:
        raise TransferError(f"the transfer of {url} broke off ({error}): {remedy}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ImageError(f"{url}: {error}: {remedy}") from None


def refuse(url: str, status: int, remedy: str) -> None:
    """Raise what a status that is no success means."""
    words = f"{url} answered {status} {http.client.responses.get(status, '')}".rstrip()
    kind = TransferError if status in (408, 429) or status >= 500 else ImageError
    raise kind(f"{words}: {remedy}")
