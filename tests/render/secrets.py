"""Passwords for tests, and what is made with them."""

from collections.abc import Mapping

from render.artifacts import RouterArtifacts
from render.sealed import Content, Sealed


def password(name: str) -> str:
    """The password of this name, in every test."""
    return f"hush-{name}"


def opened(sealed: Sealed[Content]) -> Content:
    return sealed.make({name: password(name) for name in sealed.passwords})


def secret_files(router: RouterArtifacts) -> dict[str, str]:
    return {path: opened(sealed) for path, sealed in router.secret_files.items()}


def all_files(router: RouterArtifacts) -> Mapping[str, str]:
    return {**router.files, **secret_files(router)}
