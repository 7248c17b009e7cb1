"""A Kubernetes API server, by the kubeconfig that Talos makes: over TLS, with a certificate."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

import yaml

# The API's objects, and a kubeconfig, are untyped by nature.
Json = Mapping[str, Any]

_LIMIT_SECONDS = 10.0


class KubeconfigError(ValueError):
    """A kubeconfig that cannot be used; the message quotes nothing of it."""


class StatusError(OSError):
    """The server answers, with another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where it is. We are known there by a certificate."""

    url: str
    _tls: ssl.SSLContext = field(repr=False)

    def get(self, path: str) -> Json:
        """The document at this path. Raises `StatusError`, and `OSError` where nobody answers."""
        server = urlsplit(self.url)
        connection = HTTPSConnection(
            server.hostname or "", server.port or 443, timeout=_LIMIT_SECONDS, context=self._tls
        )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != HTTPStatus.OK:
                raise StatusError(answer.status)
            found: Json = json.loads(body)
        except (HTTPException, ValueError) as error:
            raise OSError(f"no answer as of an API server: {error!r}") from None
        finally:
            connection.close()
        return found


def api_server(kubeconfig: str) -> ApiServer:
    """The server of the kubeconfig's current context. Raises `KubeconfigError`."""
    try:
        document: Json = yaml.safe_load(kubeconfig)
        context = _named(document, "contexts", str(document["current-context"]), "context")
        cluster = _named(document, "clusters", str(context["cluster"]), "cluster")
        user = _named(document, "users", str(context["user"]), "user")
        return ApiServer(str(cluster["server"]), _tls(cluster, user))
    except (AttributeError, KeyError, TypeError, ValueError, ssl.SSLError, yaml.YAMLError) as error:
        # Of an error in YAML only the kind: its text quotes the file.
        what = error if isinstance(error, KeyError) else type(error).__name__
        raise KubeconfigError(str(what)) from None


def _tls(cluster: Json, user: Json) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=_decoded(cluster, "certificate-authority-data"))
    # OpenSSL takes a certificate's key from a file only; this one is ours alone, and soon gone.
    with NamedTemporaryFile("w", suffix=".pem") as file:
        parts = (_decoded(user, f"client-{part}-data") for part in ("certificate", "key"))
        file.write("\n".join(parts))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _named(document: Json, kind: str, name: str, content: str) -> Json:
    for item in document.get(kind) or ():
        if item["name"] == name:
            found: Json = item.get(content) or {}
            return found
    raise KeyError(f"no {content} {name}")


def _decoded(document: Json, key: str) -> str:
    return base64.b64decode(str(document[key]), validate=True).decode()
