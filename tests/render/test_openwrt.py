"""OpenWrt's files, read by a reader of UCI that knows nothing of how they were written."""

import itertools
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

import pytest

from config.families import Family, of
from config.machines import Router, Site
from config.plan import Plan
from render import day0, keepalived, openwrt
from render.artifacts import render
from tests.render.plans import (
    PLANS,
    dual_stack,
    ipv6_only,
    own_as_for_each,
    pairs_of_routers_with_passwords,
    planned,
    two_datacentres,
    two_peerings,
    two_peerings_of_each_family,
)


@dataclass
class Section:
    kind: str
    name: str
    values: dict[str, list[str]] = field(default_factory=dict)

    def __getitem__(self, option: str) -> str:
        (value,) = self.values[option]
        return value


def sections(text: str) -> list[Section]:
    """UCI is words as a shell splits them: `config`, `option` and `list` lines."""
    found: list[Section] = []
    for line in text.splitlines():
        words = shlex.split(line)
        if not words:
            continue
        match words:
            case ["config", kind, *name] if len(name) <= 1:
                found.append(Section(kind, "".join(name)))
            case ["option", option, value]:
                assert option not in found[-1].values, line
                found[-1].values[option] = [value]
            case ["list", option, value]:
                found[-1].values.setdefault(option, []).append(value)
            case _:
                pytest.fail(f"not UCI: {line}")
    return found


def named(text: str, kind: str, name: str) -> Section:
    (section,) = [
        section
        for section in sections(text)
        if section.kind == kind and name in (section.name, *section.values.get("name", []))
    ]
    return section


def firewall(plan: Plan, name: str = "") -> str:
    """The firewall of a router, by its name, or of the first."""
    return next(
        openwrt.firewall(plan, site, router)
        for site, router in machines(plan)
        if name in ("", router.name)
    )


def machines(plan: Plan) -> Iterator[tuple[Site, Router]]:
    for site in plan.sites:
        for router in site.routers:
            yield site, router


@pytest.mark.parametrize("plan", [make() for make in PLANS.values()], ids=PLANS)
def test_every_uci_file_can_be_read(plan: Plan) -> None:
    for router in render(plan).routers.values():
        for path, text in router.files.items():
            if path.startswith("/etc/config/"):
                assert sections(text)


def test_the_first_card_is_the_lan_the_second_the_wan_the_third_the_peering() -> None:
    plan = two_datacentres()
    text = openwrt.network(plan, *next(machines(plan)))
    assert named(text, "device", "br-lan").values["ports"] == ["eth0"]
    devices = {name: named(text, "interface", name)["device"] for name in ("lan", "wan", "peering")}
    assert devices == {"lan": "br-lan", "wan": "eth1", "peering": "eth2"}
    assert named(text, "interface", "wan")["gateway"] == "172.31.0.1"


def test_a_lone_router_is_the_gateway_and_its_own_address_comes_first() -> None:
    plan = two_datacentres()
    text = openwrt.network(plan, *next(machines(plan)))
    assert named(text, "interface", "lan").values["ipaddr"] == ["10.1.1.2/24", "10.1.1.1/24"]


def test_two_routers_leave_the_gateway_to_vrrp() -> None:
    plan = pairs_of_routers_with_passwords()
    for site, router in machines(plan):
        addresses = named(openwrt.network(plan, site, router), "interface", "lan").values["ipaddr"]
        assert addresses == [str(router.lan.address)]
        assert f"    {site.gateway} dev br-lan\n" in (
            keepalived.keepalived_conf(site, router) or ""
        )


def test_a_lone_router_runs_no_vrrp() -> None:
    plan = two_datacentres()
    assert all(keepalived.files(site, router) == {} for site, router in machines(plan))


def test_the_first_router_has_the_gateway_and_gives_itself_time_to_take_it_back() -> None:
    plan = pairs_of_routers_with_passwords()
    site = plan.sites[0]
    first, second = (keepalived.keepalived_conf(site, router) or "" for router in site.routers)
    assert "priority 200\n" in first
    assert "priority 100\n" in second
    assert "preempt_delay" in first
    assert "vrrp_startup_delay" in second


def test_openwrt_is_told_to_use_the_rendered_keepalived_conf() -> None:
    (globals_,) = sections(keepalived.keepalived_uci())
    assert globals_["alt_config_file"] == keepalived.CONFIGURATION


def rules(text: str, *, src: str, forwarded: bool = False) -> list[dict[str, list[str]]]:
    """The rules about the router itself, or about what is forwarded, in their order."""
    return [
        section.values
        for section in sections(text)
        if section.kind == "rule"
        and section["src"] == src
        and ("dest" in section.values) is forwarded
    ]


def taken(text: str, src: str, port: str) -> list[tuple[str, list[str]]]:
    """What becomes of TCP to a port of the router: the targets in their order, and of whom."""
    return [
        (rule["target"][0], rule.get("src_ip", ["anybody"]))
        for rule in rules(text, src=src)
        if "tcp" in rule["proto"][0] and rule.get("dest_port") in (None, [port])
    ]


def test_a_router_takes_in_what_a_rule_names_and_forwards_within_a_zone() -> None:
    zones = {
        section["name"]: (section["input"], section["forward"])
        for section in sections(firewall(two_datacentres()))
        if section.kind == "zone"
    }
    assert zones == {
        "lan": ("REJECT", "ACCEPT"),
        "wan": ("REJECT", "REJECT"),
        "peering": ("REJECT", "ACCEPT"),
    }


def test_bgp_is_spoken_with_the_planned_neighbors_and_nobody_else() -> None:
    text = firewall(pairs_of_routers_with_passwords(), "lon-router2")
    nodes, reflectors = ["10.1.3.11", "10.1.3.21", "10.1.3.22"], ["172.30.0.1", "172.30.0.3"]
    assert taken(text, "lan", "179") == [("ACCEPT", nodes[1:]), ("REJECT", ["anybody"])]
    assert taken(text, "peering", "179") == [("ACCEPT", reflectors), ("REJECT", ["anybody"])]
    assert taken(text, "wan", "179") == []


def test_the_lan_has_names_leases_ssh_and_answers_to_ping_and_vrrp_where_it_is_needed() -> None:
    alone, paired = (firewall(plan()) for plan in (two_datacentres, own_as_for_each))

    def named(text: str) -> set[str]:
        return {rule["name"][0] for rule in rules(text, src="lan")}

    always = {"names-for-lan", "leases-for-lan", "ssh-from-lan", "icmp-from-lan"}
    assert always <= named(alone)
    assert named(paired) - named(alone) == {"vrrp-from-lan"}


def test_nothing_comes_in_from_the_wan_nor_leaves_for_it_from_the_peering() -> None:
    forwardings = {
        (section["src"], section["dest"])
        for section in sections(firewall(two_datacentres()))
        if section.kind == "forwarding"
    }
    assert forwardings == {("lan", "peering"), ("peering", "lan"), ("lan", "wan")}


def test_what_belongs_inside_never_leaves_by_the_wan() -> None:
    (rule,) = rules(firewall(own_as_for_each()), src="lan", forwarded=True)
    assert (rule["dest"], rule["target"], rule["proto"]) == (["wan"], ["REJECT"], ["all"])
    closed = [IPv4Network(text) for text in rule["dest_ip"]]
    for address in ("10.1.9.1", "10.130.21.10", "10.96.0.1", "10.112.0.9", "192.168.7.5"):
        assert any(IPv4Address(address) in network for network in closed)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(closed, 2))


def test_only_management_comes_in_from_the_wan() -> None:
    assert rules(firewall(two_datacentres()), src="wan") == []
    plan = planned({"management": ["172.31.0.1/32", "192.0.2.0/24"]})
    (own,) = rules(firewall(plan), src="wan")
    (behind,) = rules(firewall(plan), src="wan", forwarded=True)
    for rule in (own, behind):
        assert rule["src_ip"] == ["172.31.0.1/32", "192.0.2.0/24"]
        assert (rule["proto"], rule["target"]) == (["all"], ["ACCEPT"])
    assert behind["dest"] == ["*"]


def test_an_open_wan_takes_in_everything_but_bgp() -> None:
    text = firewall(planned({"security": {"wan": "open"}}))
    (zone,) = (s for s in sections(text) if s.kind == "zone" and s["name"] == "wan")
    assert (zone["input"], zone["forward"]) == ("ACCEPT", "ACCEPT")
    assert taken(text, "wan", "179") == [("REJECT", ["anybody"])]


def test_bfd_comes_in_from_other_routers_where_they_speak_it() -> None:
    (rule,) = (r for r in rules(firewall(two_peerings()), src="peering") if r["name"] == ["bfd"])
    assert (rule["proto"], rule["dest_port"], rule["target"]) == (["udp"], ["3784"], ["ACCEPT"])
    neighbors = (s for s in two_peerings().sessions["dc1-router1"] if "router" in s.neighbor_name)
    assert rule["src_ip"] == [str(session.neighbor) for session in neighbors]
    assert "'bfd'" not in firewall(two_datacentres())


def test_a_second_peering_network_is_the_fourth_card_and_in_the_zone_of_the_first() -> None:
    plan = two_peerings()
    site, router = next(machines(plan))
    network = named(openwrt.network(plan, site, router), "interface", "peering2")
    assert (network["device"], network["ipaddr"]) == ("eth3", "172.29.0.1/22")
    zone = named(firewall(plan), "zone", "peering")
    assert zone.values["network"] == ["peering", "peering2"]
    assert named(openwrt.dhcp(plan, site), "dhcp", "peering2")["ignore"] == "1"
    assert "net.ipv4.conf.eth3.send_redirects = 0" in openwrt.sysctl(plan, site)


def test_a_second_peering_network_has_an_address_and_neighbors_in_each_family() -> None:
    plan = two_peerings_of_each_family()
    site, router = next(machines(plan))
    network = named(openwrt.network(plan, site, router), "interface", "peering2")
    assert network["device"] == "eth3"
    assert network.values["ipaddr"] == ["172.29.0.1/22"]
    assert network.values["ip6addr"] == ["fd75:6e64:6572:1d::1/64"]
    neighbors = {"172.29.0.3", "fd75:6e64:6572:1d::3"}
    for rule in ("bgp-of-routers", "bfd"):
        (found,) = (r for r in rules(firewall(plan), src="peering") if r["name"] == [rule])
        assert neighbors <= set(found["src_ip"])


def test_only_the_wan_masquerades() -> None:
    zones = [section for section in sections(firewall(two_datacentres())) if section.kind == "zone"]
    assert [zone["name"] for zone in zones if "masq" in zone.values] == ["wan"]
    assert all(zone["masq_allow_invalid"] == "1" for zone in zones)


def test_services_and_egress_gateways_are_seen_as_themselves() -> None:
    """An answer may leave by a router that has not seen the question."""
    plan = planned(
        {
            "families": ["ipv4", "ipv6"],
            "load_balancing": {"announce": ["LoadBalancerIP", "ClusterIP"]},
            "egress_gateway": {"destinations": ["0.0.0.0/0"]},
        }
    )
    (wan,) = (zone for zone in sections(firewall(plan)) if zone.values.get("name") == ["wan"])
    assert wan.values["masq_src"] == [
        "!10.112.0.0/16",
        "!10.96.0.0/12",
        "!fd75:6e64:6572:70::/112",
        "!fd75:6e64:6572:60::/108",
        "!10.113.0.0/16",
    ]


@pytest.mark.parametrize("routers", [1, 2])
def test_nodes_answer_management_as_themselves_where_there_are_two_ways_back(routers: int) -> None:
    everybody, known = "0.0.0.0/0", ["192.0.2.0/24", "fd00:5::/64"]
    plan = planned(
        {
            "families": ["ipv4", "ipv6"],
            "datacentres": [{"routers": routers}],
            "management": [*known, everybody],
        }
    )
    spared = [section for section in sections(firewall(plan)) if section.kind == "nat"]
    lans = ["10.1.1.0/24", "fd75:6e64:6572:101::/64"] if routers == 2 else []
    found = [(section["src_ip"], section["dest_ip"]) for section in spared]
    assert found == list(zip(lans, known, strict=False))


def test_pods_may_ask_for_names() -> None:
    (dnsmasq,) = [
        section
        for section in sections(openwrt.dhcp(two_datacentres(), two_datacentres().sites[0]))
        if section.kind == "dnsmasq"
    ]
    assert dnsmasq["localservice"] == "0"
    assert dnsmasq["rebind_protection"] == "0"


def test_every_node_has_its_planned_lease() -> None:
    for plan in (two_datacentres(), own_as_for_each()):
        for site in plan.sites:
            hosts = {
                section["name"]: (section["mac"], section["ip"])
                for section in sections(openwrt.dhcp(plan, site))
                if section.kind == "host"
            }
            assert hosts == {
                node.name: (node.lan.mac, str(node.lan.address.ip)) for node in site.nodes
            }


def test_strangers_get_no_lease() -> None:
    pool = named(openwrt.dhcp(two_datacentres(), two_datacentres().sites[0]), "dhcp", "lan")
    assert pool["dynamicdhcp"] == "0"


@pytest.mark.parametrize("length", [24, 27, 20])
def test_the_pool_is_the_lan(length: int) -> None:
    plan = planned({"lan_prefix_length": length, "lans": "10.0.0.0/12", "datacentres": 1})
    pool = named(openwrt.dhcp(plan, plan.sites[0]), "dhcp", "lan")
    lan = plan.sites[0].lan
    first = lan.network_address + int(pool["start"])
    last = first + int(pool["limit"]) - 1
    assert (first, last) == (lan.network_address + 1, lan.broadcast_address - 1)


def test_nobody_gets_a_lease_on_wan_and_peering() -> None:
    text = openwrt.dhcp(two_datacentres(), two_datacentres().sites[0])
    assert all(named(text, "dhcp", name)["ignore"] == "1" for name in ("wan", "peering"))


def settings_of(plan: Plan) -> dict[str, str]:
    lines = openwrt.sysctl(plan, plan.sites[0]).splitlines()
    found = (line.partition(" = ") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in found}


def test_no_router_sends_redirects() -> None:
    found = settings_of(two_datacentres())
    settings = {name: value for name, value in found.items() if "send_redirects" in name}
    interfaces = ("all", "default", "eth0", "eth1", "eth2", "br-lan")
    assert settings == {f"net.ipv4.conf.{name}.send_redirects": "0" for name in interfaces}


@pytest.mark.parametrize(
    ("plan", "inside"),
    [
        (two_datacentres(), ["1", "1"]),
        (pairs_of_routers_with_passwords(), ["2", "2"]),
        (planned({"redundancy": {"second_peering": "172.29.0.0/22"}}), ["1", "2"]),
        (planned({"management": ["172.31.0.1/32"]}), ["1", "2"]),
    ],
)
def test_sources_must_have_come_by_their_own_way_where_there_is_one_way_alone(
    plan: Plan, inside: list[str]
) -> None:
    found = settings_of(plan)
    strict = {name: found[f"net.ipv4.conf.{name}.rp_filter"] for name in ("all", "eth1")}
    assert strict == {"all": "1", "eth1": "1"}, "the largest of `all` and a card's own counts"
    assert [found[f"net.ipv4.conf.{name}.rp_filter"] for name in ("br-lan", "eth2")] == inside


def test_every_interface_has_its_addresses_in_each_family() -> None:
    plan = dual_stack()
    router = plan.sites[1].routers[0]
    text = render(plan).routers[router.name].files["/etc/config/network"]
    for name, nic in (("lan", router.lan), ("wan", router.wan), ("peering", router.peering)):
        section = named(text, "interface", name)
        own = {str(address) for address in nic.addresses}
        assert own <= {*section.values["ipaddr"], *section.values["ip6addr"]}
        assert section["ip6assign"] == "0"
    wan = named(text, "interface", "wan")
    assert [wan["gateway"], wan["ip6gw"]] == [str(gateway.ip) for gateway in plan.wan_gateways]


def test_without_ipv4_no_interface_has_an_address_of_it() -> None:
    plan = ipv6_only()
    text = render(plan).routers["dc1-router1"].files["/etc/config/network"]
    for name in ("lan", "wan", "peering"):
        assert not {"ipaddr", "gateway"} & named(text, "interface", name).values.keys()


def test_routers_advertise_the_lan_and_nobody_makes_an_address_or_a_gateway_of_it() -> None:
    for plan in (dual_stack(), ipv6_only()):
        lan = named(openwrt.dhcp(plan, plan.sites[0]), "dhcp", "lan")
        assert (lan["ra"], lan["ra_slaac"], lan["dhcpv6"]) == ("server", "0", "disabled")
        assert lan["ra_lifetime"] == "0", "the gateway's address moves, a router's own does not"
        assert lan["dns"] == str(of(Family.IPV6, plan.sites[0].gateways).ip)
    assert "ra" not in named(openwrt.dhcp(planned(), planned().sites[0]), "dhcp", "lan").values


def test_without_ipv4_there_are_no_leases() -> None:
    text = openwrt.dhcp(ipv6_only(), ipv6_only().sites[0])
    assert named(text, "dhcp", "lan")["dhcpv4"] == "disabled"
    assert not any(section.kind == "host" for section in sections(text))


def test_the_wan_masquerades_in_the_families_that_there_are() -> None:
    def masquerading(plan: Plan) -> set[str]:
        wan = named(firewall(plan), "zone", "wan")
        return {option for option in ("masq", "masq6") if wan.values.get(option) == ["1"]}

    assert masquerading(two_datacentres()) == {"masq"}
    assert masquerading(dual_stack()) == {"masq", "masq6"}
    assert masquerading(ipv6_only()) == {"masq6"}


def test_neighbors_on_the_wan_find_the_router_and_nobody_else_comes_in() -> None:
    for plan in (dual_stack(), ipv6_only()):
        for text in (firewall(plan), day0.files(plan, plan.routers[0])[day0.FIREWALL]):
            rule = named(text, "rule", "icmpv6-of-wan")
            assert (rule["src"], rule["family"], rule["proto"]) == ("wan", "ipv6", "icmp")
            assert "neighbour-solicitation" in rule.values["icmp_type"]
            assert not {"echo-request", "router-advertisement"} & set(rule.values["icmp_type"])
            assert "dest" not in rule.values


def test_the_gateway_of_ipv6_moves_behind_an_address_of_the_link() -> None:
    """VRRP in IPv6 begins with a link-local address (RFC 5798, section 5.2.9)."""
    plan = dual_stack()
    site = plan.sites[0]
    text = render(plan).routers[site.routers[0].name].files[keepalived.CONFIGURATION]
    _, ipv4, ipv6 = text.split("vrrp_instance ")
    assert str(site.gateways[0]) in ipv4
    assert str(site.gateways[1]) not in ipv4
    lines = [line.strip() for line in ipv6.splitlines()]
    addresses = lines[lines.index("virtual_ipaddress {") + 1 :]
    assert addresses[:2] == ["fe80::1/64 dev br-lan", f"{site.gateways[1]} dev br-lan"]
