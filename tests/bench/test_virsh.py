from pathlib import Path

from bench.virsh import Objects


def test_objects_are_made_after_what_they_need_and_removed_before_it(tmp_path: Path) -> None:
    (tmp_path / "dc1-router1-root").write_bytes(b"root")
    objects = Objects(tmp_path, ("wan",), ("pool",), (("pool", "dc1-router1-root"),), ("router",))
    made = [line.split()[1] for line in objects.make().splitlines() if line.startswith("v ")]
    removed = [line.split()[1] for line in objects.remove().splitlines() if line.startswith("v ")]
    assert made == [
        *("net-define", "net-autostart", "net-start"),
        *("pool-define", "pool-build", "pool-autostart", "pool-start"),
        *("vol-create-as", "vol-upload"),
        *("define", "autostart", "start"),
    ]
    assert removed == [
        *("destroy", "undefine", "vol-delete"),
        *("pool-destroy", "pool-delete", "pool-undefine"),
        *("net-destroy", "net-undefine"),
    ]
    assert "vol-create-as pool dc1-router1-root 4 --format raw\nv vol-upload" in objects.make()
