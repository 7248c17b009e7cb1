"""OpenWrt's build service: an image with the packages in it, made to order.

Why not install the packages when a router boots for the first time: that needs the internet from
inside each router, before the network which the router is to provide; it takes whatever version
the mirror has at that minute, for each router anew; and it fails when the machine already runs.
Here one image is built for all routers, its packages are listed and compared with their pins, and
`/usr/sbin/bird` is seen in it before anything boots. Machines without the internet name a local
image instead, for instance one from firmware-selector.openwrt.org or from the ImageBuilder.

The protocol is that of openwrt/asu (`asu/routers/api.py`, `asu/build_request.py`): POST
/api/v1/build answers 202 with a `request_hash` until the image is there, then 200 with the list of
files below /store/<bin_dir>/ and the manifest of packages.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from config.images import OpenWrtImage
from images import http
from images.errors import ImageError
from images.progress import say

LIMIT_SECONDS = 1200.0
POLL_SECONDS = 5.0
POLL_ATTEMPTS = 4
REMINDER_SECONDS = 15.0
_LARGEST_ROOT_MB = 1024  # what the service allows; larger ones are grown here
_OVERLOADED = 529
_BAD_MOMENTS = (502, 503, 504)

# The service's answers are untyped by nature; this module is where they get types.
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Built:
    """An image at the service: where it is, and its checksum according to the service."""

    url: str
    sha256: str


def request(image: OpenWrtImage) -> dict[str, object]:
    """What the service is asked for."""
    names = [package.partition("=")[0] for package in image.packages]
    size = image.root_size_mb
    asked: dict[str, object] = {
        "distro": "openwrt",
        "version": image.release,
        "target": image.target,
        "profile": "generic",
        "packages": names,
        "client": "underlay/0.1",
    }
    return asked | ({"rootfs_size_mb": min(size, _LARGEST_ROOT_MB)} if size else {})


def build(image: OpenWrtImage, remedy: str) -> Built:
    """Have the image built, or find it built, within a time limit."""
    url = f"{image.build_service}/api/v1/build"
    title = f"OpenWrt {image.release} with {', '.join(image.packages) or 'no packages'}"
    until = time.monotonic() + LIMIT_SECONDS
    said, said_at = "", 0.0
    with http.client() as client:
        with http.broken_off(url, remedy):
            answer = client.post(url, json=request(image))
        while answer.status_code == 202:
            content = _content(answer.text, answer.status_code, url, remedy)
            state = _state(content)
            now = time.monotonic()
            if state != said or now - said_at >= REMINDER_SECONDS:
                say(f"{title}: the build service says {state}")
                said, said_at = state, now
            if now >= until:
                raise ImageError(
                    f"{title} was not built after {LIMIT_SECONDS / 60:.0f} minutes ({url}): run "
                    f"this again later; {remedy}"
                )
            time.sleep(POLL_SECONDS)
            answer = _poll(client, f"{url}/{content.get('request_hash')}", remedy)
    content = _content(answer.text, answer.status_code, url, remedy)
    if answer.status_code == _OVERLOADED:
        raise ImageError(f"the build service {url} is overloaded: run this again later; {remedy}")
    if answer.status_code != 200:
        raise ImageError(
            f"{title} cannot be built: {_reason(content, answer.status_code)} ({url}): correct "
            f"`release` and `packages`; {remedy}"
        )
    _check_pins(image, content)
    return _root_of(image, content)


def _poll(client: httpx.Client, url: str, remedy: str) -> httpx.Response:
    """Ask how far it is. A build of minutes does not end with one connection that breaks."""
    for _ in range(POLL_ATTEMPTS - 1):
        try:
            with http.broken_off(url, remedy):
                answer = client.get(url)
            if answer.status_code not in _BAD_MOMENTS:
                return answer
        except http.TransferError as error:
            say(f"{error}. Asking again …")
        time.sleep(POLL_SECONDS)
    with http.broken_off(url, remedy):
        return client.get(url)


def _content(text: str, status: int, url: str, remedy: str) -> Answer:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ImageError(f"{url} answered {status} with something that is no answer: {remedy}")
    return content


def _state(content: Answer) -> str:
    state = str(content.get("imagebuilder_status") or content.get("detail", "wait"))
    position = content.get("queue_position")
    return f"{state} (place {position})" if position else state


def _reason(content: Answer, status: int) -> str:
    detail = str(content.get("detail") or f"status {status}").removeprefix("Error: ")
    errors = str(content.get("stderr") or "").strip().splitlines()
    return f"{detail} [{errors[-1].strip()}]" if errors and status >= 500 else detail


def _check_pins(image: OpenWrtImage, content: Answer) -> None:
    """The service builds with the newest packages of the branch: a pin can only be compared."""
    manifest = content.get("manifest") or {}
    for package in image.packages:
        name, _, pinned = package.partition("=")
        found = manifest.get(name)
        if pinned and found != pinned:
            raise ImageError(
                f"{name} is pinned to {pinned}, but OpenWrt {image.release} now has "
                f"{found or 'none'}: change the pin, or name a local image that has it"
            )


def _root_of(image: OpenWrtImage, content: Answer) -> Built:
    for file in content.get("images") or ():
        if file.get("type") == "rootfs" and file.get("filesystem") == "ext4":
            url = f"{image.build_service}/store/{content['bin_dir']}/{file['name']}"
            return Built(url, str(file["sha256"]).lower())
    raise ImageError(
        f"the build service made no ext4 root of OpenWrt {image.release}: name a local image "
        "(`root`)"
    )
