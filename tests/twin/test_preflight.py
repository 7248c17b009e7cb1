"""What a machine lacks, for made-up machines."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from config.load import load
from config.plan import Plan, make_plan
from twin import preflight
from twin.backends import life_socket
from twin.gobgpd import api_socket
from twin.place import Place
from twin.preflight import Machine, findings
from twin.services import Endpoint

_ENDPOINT = Endpoint("pod", "node", "dc1", (IPv4Address("10.129.21.10"),), 80)
NET_ADMIN, SYS_ADMIN = 1 << 12, 1 << 21


def planned(datacentres: object = 2) -> Plan:
    return make_plan(load({"datacentres": datacentres}))


@pytest.fixture
def with_programs(tmp_path: Path) -> Callable[[Sequence[str]], str]:
    """A search path on which exactly these programs are."""

    def make(programs: Sequence[str]) -> str:
        for program in programs:
            (tmp_path / program).touch(mode=0o755)
        return str(tmp_path)

    return make


@pytest.fixture
def able(with_programs: Callable[[Sequence[str]], str]) -> Machine:
    """A machine that has everything, and no more than that."""
    return Machine(
        capabilities=NET_ADMIN | SYS_ADMIN,
        search_path=with_programs(list(preflight.PROGRAMS)),
        neighbor_limit=1024,
        neighbors_in_use=3,
        available_mebibytes=8000,
        signs_tcp=True,
    )


def test_a_machine_that_has_everything_is_found_good(able: Machine) -> None:
    assert findings(planned(), "twin", able) == []


def test_a_kernel_that_cannot_sign_carries_a_fabric_without_passwords(able: Machine) -> None:
    unable = replace(able, signs_tcp=False)
    (finding,) = findings(planned(), "twin", unable)
    assert finding.startswith("this kernel cannot sign TCP (CONFIG_TCP_MD5SIG)")
    assert "fabric.security.generate_passwords to false" in finding
    unsigned = make_plan(load({"security": {"generate_passwords": False}}))
    assert findings(unsigned, "twin", unable) == []


@pytest.mark.parametrize("capabilities", [0, NET_ADMIN, SYS_ADMIN])
def test_a_user_without_roots_rights_is_told_how_to_get_them(
    able: Machine, capabilities: int
) -> None:
    (finding,) = findings(planned(), "twin", replace(able, capabilities=capabilities))
    assert finding.startswith("making network namespaces takes root's rights: ")
    assert "make up" in finding


def test_missing_programs_are_named_with_their_packages(
    able: Machine, with_programs: Callable[[Sequence[str]], str], tmp_path: Path
) -> None:
    (tmp_path / "bird").unlink()
    (tmp_path / "gobgpd").unlink()
    assert findings(planned(), "twin", able) == [
        "bird, gobgpd not found: apt-get install bird2 gobgpd"
    ]


def test_keepalived_is_asked_for_only_where_routers_share_a_gateway(
    able: Machine, tmp_path: Path
) -> None:
    (tmp_path / "keepalived").unlink()
    assert findings(planned(2), "twin", able) == []
    assert findings(planned([{"routers": 2}]), "twin", able) == [
        "keepalived not found: apt-get install keepalived"
    ]


def test_busybox_is_asked_for_only_where_routers_have_metrics(
    able: Machine, tmp_path: Path
) -> None:
    (tmp_path / "busybox").unlink()
    assert findings(planned(), "twin", able) == []
    with_metrics = make_plan(load({"observability": {"routers": True}}))
    assert findings(with_metrics, "twin", able) == [
        "busybox not found: apt-get install busybox-static"
    ]


def test_a_stacks_name_that_leaves_no_room_for_sockets_is_refused(able: Machine) -> None:
    assert findings(planned(), "s" * 30, able) == []
    assert findings(planned(), "s" * 31, able) == [
        f"the stack's name {'s' * 31} has 31 characters: the sockets below /run/underlay leave "
        "room for 30, use a shorter name"
    ]


def test_the_longest_names_that_are_allowed_leave_room_for_sockets() -> None:
    """A socket's path has at most 107 characters (unix(7))."""
    plan = planned([{"name": "a" * 32, "nodes": {"controlplanes": 5, "workers": 200}}])
    stack = "s" * 30
    pod = replace(_ENDPOINT, pod=f"{plan.nodes[0].name}-pod100")
    paths = [
        *(api_socket(Place(stack, node.name)) for node in plan.nodes),
        life_socket(stack, pod),
    ]
    assert max(len(str(path)) for path in paths) <= 107


def test_gateways_that_never_move_need_no_entries_but_those_on_the_wan() -> None:
    assert preflight.dynamic_neighbors(planned(16)) == 16


def test_each_node_behind_a_shared_gateway_needs_an_entry() -> None:
    plan = planned([{"routers": 2, "nodes": 10}, {"nodes": 5}])
    assert preflight.dynamic_neighbors(plan) == 10 + 2 * 2 + 3


def test_a_fabric_that_would_overrun_the_neighbor_table_is_refused(able: Machine) -> None:
    plan = planned([{"routers": 2, "nodes": 100}])
    needed = preflight.dynamic_neighbors(plan)
    enough = replace(able, neighbor_limit=256 + 3 + needed)
    assert findings(plan, "twin", enough) == []
    (finding,) = findings(plan, "twin", replace(enough, neighbors_in_use=4))
    assert finding.startswith(
        f"the fabric needs {needed} entries of the kernel's neighbor table, which all namespaces "
        f"share with the host, and {needed - 1} are to spare: "
    )
    assert f"raise net.ipv4.neigh.default.gc_thresh3 (now {enough.neighbor_limit})" in finding


def test_a_table_that_is_full_already_has_nothing_to_spare(able: Machine) -> None:
    (finding,) = findings(planned(), "twin", replace(able, neighbors_in_use=1024))
    assert "and 0 are to spare" in finding


def test_a_fabric_that_would_overrun_the_memory_is_refused(able: Machine) -> None:
    assert findings(planned(2), "twin", replace(able, available_mebibytes=6 * 8)) == []
    assert findings(planned(2), "twin", replace(able, available_mebibytes=6 * 8 - 1)) == [
        "6 machines need about 48 MiB of memory, and 47 are available: have fewer nodes"
    ]


def test_services_take_memory_on_every_node_and_for_every_pod_of_theirs(able: Machine) -> None:
    plan = make_plan(load({"load_balancing": {"demo": True}}))
    needed = 6 * 8 + 4 * 24 + 3 * 12
    assert findings(plan, "twin", replace(able, available_mebibytes=needed)) == []
    assert len(findings(plan, "twin", replace(able, available_mebibytes=needed - 1))) == 1


def test_all_that_is_missing_is_listed_together() -> None:
    nothing = Machine(0, "", 0, 0, 0, False)
    found = findings(planned(), "s" * 40, nothing)
    assert len(found) == 6
    complaint = preflight.complaint(found)
    assert complaint.startswith("this machine cannot carry the twin:\n  - making network")
    assert complaint.count("\n  - ") == 6


def test_this_machine_can_be_inspected() -> None:
    machine = preflight.inspect()
    assert machine.neighbor_limit > 0
    assert machine.neighbors_in_use >= 0
    assert machine.available_mebibytes > 0
