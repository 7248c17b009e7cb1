"""What is concluded on libvirt from what routers print and the API server has."""

from collections.abc import Mapping

import pytest

from config.load import load
from config.plan import make_plan
from day1.ssh import Address
from render.bird import bird_conf
from verify import ssh_probes
from verify.causes.evidence import Answer
from verify.causes.explain import explained
from verify.causes.ssh_witness import SshWitness
from verify.cluster_probes import ClusterError
from verify.model import Check, Finding

PLAN = make_plan(
    load(
        {
            "datacentres": [{"nodes": 1}, {"nodes": 1}],
            "load_balancing": {"demo": [{"name": "web", "replicas": 2}]},
        }
    )
)
ROUTER, NODE = "dc1-router1", "dc1-controlplane1"
DOWN = Finding(ROUTER, Check.SESSIONS, "the session is down", "10.1.1.11")

PROTOCOLS = """\
BIRD 2.0.12 ready.
Name       Proto      Table      State  Since         Info
node_dc1_controlplane1 BGP        ---        start  2026-11-22 13:04:45.494  Connect       {words}
  BGP state:          Connect
    Neighbor address: 10.1.1.11
    Neighbor port:    1179
    Neighbor AS:      {asn}
    Local AS:         65000
    Last error:       {words}
  Channel ipv4
    State:          DOWN
"""
LINKS = """[{"ifname":"br-lan","operstate":"UP","addr_info":[{"local":"10.1.1.2"}]},
{"ifname":"eth0","operstate":"%s","master":"br-lan","addr_info":[]}]"""

BFD_PLAN = make_plan(load({"datacentres": 2, "redundancy": {"bfd": {"enabled": True}}}))
BIRD_CONF = bird_conf(BFD_PLAN, BFD_PLAN.sites[0], BFD_PLAN.routers[0])
#: Whom each of the two routers hears.
HERE, THERE = "172.30.0.3", "172.30.0.1"


def bfd_row(neighbor: str, state: str, interval: str, timeout: str, second: int = 0) -> str:
    """A line of `birdc show bfd sessions`, half a minute old unless told otherwise."""
    since = f"2026-11-22 13:00:{second:02}.000"
    return f"{neighbor:25} eth2       {state:10} {since} {interval:>8} {timeout:>8}"


def netstat(dropped: int) -> str:
    return f"TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Failure\nTcpExt: 0 {dropped} 0\n"


def peers(asn: int = 65000) -> dict[str, object]:
    """The node's `CiliumBGPNodeConfig`."""
    instance = {"localASN": 65001, "peers": [{"peerAddress": "10.1.1.2", "peerASN": asn}]}
    return {"items": [{"metadata": {"name": NODE}, "spec": {"bgpInstances": [instance]}}]}


def witness(
    monkeypatch: pytest.MonkeyPatch,
    answers: Mapping[str, str],
    documents: Mapping[str, object] | None = None,
) -> SshWitness:
    """Routers that print these answers to commands with these words, and such an API server."""
    found = {
        "show protocols": PROTOCOLS.format(words="", asn=65001),
        "address show": LINKS % "UP",
        "ping": "up\n",
        "netstat": netstat(3) * 2,
        **answers,
    }

    def run_all(addresses: Mapping[str, Address], command: str, _seconds: float) -> dict[str, str]:
        said = next((text for words, text in found.items() if words in command), None)
        return {} if said is None else dict.fromkeys(addresses, said)

    def fetch(path: str) -> Mapping[str, object]:
        if path.endswith("ciliumbgpnodeconfigs"):
            return documents or peers()
        raise ClusterError("no answer")

    monkeypatch.setattr(ssh_probes, "run_all", run_all)
    addresses = {router.name: Address("192.0.2.1", "", "") for router in PLAN.routers}
    return SshWitness(PLAN, addresses, fetch, 1)


def said(seen: SshWitness) -> list[str]:
    (finding,) = explained(PLAN, [DOWN], seen)
    return [cause.cause for cause in finding.causes]


@pytest.mark.parametrize(
    ("answers", "begins"),
    [
        ({}, "firewall: TCP to port 1179 of dc1-controlplane1 is stopped"),
        ({"netstat": netstat(3) + netstat(5)}, "password: dc1-controlplane1 and dc1-router1 "),
        ({"ping": ""}, "reachability: dc1-controlplane1 cannot be pinged from dc1-router1"),
        ({"address show": LINKS % "DOWN"}, "reachability: eth0 of dc1-router1 is down"),
        (
            {"show protocols": PROTOCOLS.format(words="Socket: Connection refused", asn=65001)},
            "dc1-controlplane1 refuses connections from dc1-router1 to TCP port 1179",
        ),
        (
            {"show protocols": PROTOCOLS.format(words="Error: Bad peer AS: 65001", asn=65009)},
            "ASN mismatch: dc1-router1 expects AS 65009 of dc1-controlplane1",
        ),
    ],
)
def test_a_router_tells_why_a_session_of_its_is_down(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], begins: str
) -> None:
    causes = said(witness(monkeypatch, answers))
    assert causes[0].startswith(begins)
    kind, _, _ = begins.partition(" ")
    assert all(cause.startswith(kind) for cause in causes)


def bfd_said(
    monkeypatch: pytest.MonkeyPatch, here: str, there: str, conf: str = BIRD_CONF
) -> list[str]:
    """What is concluded of the routers' session where each prints this of it, and has this file."""
    routers = [router.name for router in BFD_PLAN.routers]
    printed = {
        name: f"2026-11-22 13:00:30\nBIRD 2.0.12 ready.\nbfd1:\n{row}\n# /etc/bird.conf\n{conf}"
        for name, row in zip(routers, (here, there), strict=True)
    }
    monkeypatch.setattr(
        ssh_probes,
        "run_all",
        lambda addresses, _command, _seconds: {name: printed[name] for name in addresses},
    )
    addresses = {name: Address("192.0.2.1", "", "") for name in routers}
    seen = SshWitness(BFD_PLAN, addresses, lambda _path: {}, 1)
    finding = Finding(routers[0], Check.BFD, "BFD is not as planned", "172.30.0.3")
    (found,) = explained(BFD_PLAN, [finding], seen)
    return [cause.cause for cause in found.causes]


@pytest.mark.parametrize(
    ("here", "there", "causes"),
    [
        (
            bfd_row(HERE, "Down", "1.000", "0.000"),
            bfd_row(THERE, "Init", "1.000", "3.000"),
            ["firewall: BFD (UDP port 3784) to dc1-router1 is stopped on its way from dc2-router1"],
        ),
        (
            bfd_row(HERE, "Down", "1.000", "0.000"),
            "",
            ["BFD off: dc2-router1 runs no BFD with dc1-router1 (172.30.0.1)"],
        ),
        (
            bfd_row(HERE, "Down", "1.000", "0.000", second=29),
            bfd_row(THERE, "Init", "1.000", "3.000"),
            ["nothing is in the way of BFD: it was lost a moment ago, or comes up just now"],
        ),
        (
            bfd_row(HERE, "Up", "0.050", "0.250"),
            bfd_row(THERE, "Up", "0.050", "0.150"),
            [
                "BFD timers: BIRD on dc1-router1 or dc2-router1 runs with others than its "
                "/etc/bird.conf has"
            ],
        ),
    ],
    ids=["one direction", "off", "just now", "not loaded"],
)
def test_routers_tell_why_their_bfd_is_not_as_planned(
    monkeypatch: pytest.MonkeyPatch, here: str, there: str, causes: list[str]
) -> None:
    assert bfd_said(monkeypatch, here, there) == causes


def test_a_routers_file_tells_whose_timers_are_not_as_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = (bfd_row(end, "Up", "1.000", "3.000") for end in (HERE, THERE))
    other = BIRD_CONF.replace("50 ms", "1 s")
    assert bfd_said(monkeypatch, here, there, other) == [
        f"BFD timers: {name} has an interval of 1000 ms and a multiplier of 3, and planned are 50 "
        "ms and 3"
        for name in ("dc1-router1", "dc2-router1")
    ]


def test_the_api_server_tells_what_a_node_is_set_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"show protocols": PROTOCOLS.format(words="Received: Bad peer AS", asn=65001)}
    assert said(witness(monkeypatch, words, peers(asn=65009))) == [
        "ASN mismatch: dc1-controlplane1 expects AS 65009 of dc1-router1, whose AS is 65000"
    ]


def test_the_api_server_tells_of_an_egress_address_that_nobody_advertises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = make_plan(load({"datacentres": [{"nodes": 2}], "egress_gateway": {}}))
    monkeypatch.setattr(ssh_probes, "run_all", lambda _addresses, _command, _seconds: {})
    seen = SshWitness(plan, {ROUTER: Address("192.0.2.1", "", "")}, lambda _path: {"items": []}, 1)
    missing = Finding(ROUTER, Check.ROUTES, "no route to the address", "10.113.0.1")
    (finding,) = explained(plan, [missing], seen)
    assert [cause.cause for cause in finding.causes] == [
        "advertisement missing: no CiliumBGPAdvertisement has the interface egress"
    ]


def test_without_an_answer_nothing_is_concluded(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = witness(monkeypatch, {})
    monkeypatch.setattr(ssh_probes, "run_all", lambda _addresses, _command, _seconds: {})
    (session, *_) = (s for s in PLAN.sessions[ROUTER] if s.neighbor_name == NODE)
    assert seen.end(session, ROUTER) is None
    assert {way.answer for way in seen.ways(session, ROUTER)} <= {Answer.UNKNOWN}
    assert seen.world(PLAN.nodes[0]) is None
