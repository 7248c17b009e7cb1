"""An API server by its kubeconfig."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.api_server import KubeconfigError, StatusError, api_server
from tests.components.api import Server, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as found:
        found.documents["/here"] = {"kind": "Something"}
        yield found


def test_a_document_is_had_by_its_path(server: Server) -> None:
    assert api_server(server.kubeconfig).get("/here") == {"kind": "Something"}


def test_what_is_not_there_is_told_from_nobody_who_answers(server: Server) -> None:
    with pytest.raises(StatusError) as caught:
        api_server(server.kubeconfig).get("/elsewhere")
    assert caught.value.status == 404


def test_who_has_not_our_authority_is_not_believed(server: Server, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with serving(other) as stranger:
        port = stranger.kubeconfig.partition("127.0.0.1:")[2].split()[0]
        ours = server.kubeconfig.partition("127.0.0.1:")[2].split()[0]
        misled = api_server(server.kubeconfig.replace(f":{ours}", f":{port}"))
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            misled.get("/here")


def test_the_key_is_in_no_message(server: Server) -> None:
    middle = server.key.splitlines()[1]
    assert middle not in repr(api_server(server.kubeconfig))
    broken = server.kubeconfig.replace("client-certificate-data", "client-certificate")
    with pytest.raises(KubeconfigError, match="client-certificate-data") as error:
        api_server(broken)
    assert middle not in str(error.value)


@pytest.mark.parametrize("text", ["", "a: [", "current-context: x\n", "- 1\n"])
def test_what_is_no_kubeconfig_is_refused(text: str) -> None:
    with pytest.raises(KubeconfigError):
        api_server(text)
