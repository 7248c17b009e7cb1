"""`python -m twin sweep STACK`."""

import pytest

from twin.__main__ import main
from twin.place import Place, owner_of

pytestmark = pytest.mark.twin


def sweep(stack: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr("sys.argv", ["twin", "sweep", stack])
    main()
    return capsys.readouterr().out


def test_a_sweep_removes_all_that_a_lost_state_left_and_names_it(
    stack: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("lan", "router1"):
        Place(stack, name).claim("whoever")
    said = sweep(stack, monkeypatch, capsys)
    assert said == f"removed 2 machines and segments of {stack}: lan, router1\n"
    assert owner_of(stack) is None


def test_a_sweep_of_nothing_says_so(
    stack: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = sweep(stack, monkeypatch, capsys)
    assert said == f"nothing of a twin named {stack} stands here\n"
