"""OpenWrt's files, read by a reader of UCI that knows nothing of how they were written."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from config.machines import Router, Site
from config.plan import Plan
from render import keepalived, openwrt
from render.artifacts import render
from tests.render.plans import (
    PLANS,
    own_as_for_each,
    pairs_of_routers_with_passwords,
    planned,
    two_datacentres,
    two_peerings,
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


def test_everything_inside_is_open_and_the_wan_is_closed() -> None:
    zones = {
        section["name"]: (section["input"], section["forward"])
        for section in sections(openwrt.firewall(two_datacentres()))
        if section.kind == "zone"
    }
    assert zones == {
        "lan": ("ACCEPT", "ACCEPT"),
        "wan": ("REJECT", "REJECT"),
        "peering": ("ACCEPT", "ACCEPT"),
    }


def test_nothing_comes_in_from_the_wan_nor_leaves_for_it_from_the_peering() -> None:
    forwardings = {
        (section["src"], section["dest"])
        for section in sections(openwrt.firewall(two_datacentres()))
        if section.kind == "forwarding"
    }
    assert forwardings == {("lan", "peering"), ("peering", "lan"), ("lan", "wan")}


def rules_from(zone: str, plan: Plan) -> list[dict[str, list[str]]]:
    found = [s for s in sections(openwrt.firewall(plan)) if s.kind == "rule"]
    return [section.values for section in found if section["src"] == zone]


def test_only_management_comes_in_from_the_wan() -> None:
    assert rules_from("wan", two_datacentres()) == []
    rules = rules_from("wan", planned({"management": ["172.31.0.1/32", "192.0.2.0/24"]}))
    allowed = {
        "src": ["wan"],
        "src_ip": ["172.31.0.1/32", "192.0.2.0/24"],
        "proto": ["all"],
        "target": ["ACCEPT"],
    }
    assert [{key: rule[key] for key in allowed} for rule in rules] == [allowed, allowed]
    assert [rule.get("dest") for rule in rules] == [None, ["*"]]


def test_bfd_comes_in_from_other_routers_where_they_speak_it() -> None:
    (rule,) = rules_from("peering", two_peerings())
    assert rule == {
        "name": ["bfd"],
        "src": ["peering"],
        "proto": ["udp"],
        "dest_port": ["3784"],
        "target": ["ACCEPT"],
    }
    assert rules_from("peering", two_datacentres()) == []


def test_a_second_peering_network_is_the_fourth_card_and_in_the_zone_of_the_first() -> None:
    plan = two_peerings()
    site, router = next(machines(plan))
    network = named(openwrt.network(plan, site, router), "interface", "peering2")
    assert (network["device"], network["ipaddr"]) == ("eth3", "172.29.0.1/22")
    zone = named(openwrt.firewall(plan), "zone", "peering")
    assert zone.values["network"] == ["peering", "peering2"]
    assert named(openwrt.dhcp(plan, site), "dhcp", "peering2")["ignore"] == "1"
    assert "net.ipv4.conf.eth3.send_redirects = 0" in openwrt.sysctl(plan)


def test_only_the_wan_masquerades() -> None:
    zones = [
        section
        for section in sections(openwrt.firewall(two_datacentres()))
        if section.kind == "zone"
    ]
    assert [zone["name"] for zone in zones if "masq" in zone.values] == ["wan"]
    assert all(zone["masq_allow_invalid"] == "1" for zone in zones)


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


def test_no_router_sends_redirects() -> None:
    lines = openwrt.sysctl(two_datacentres()).splitlines()
    settings = dict(line.split(" = ") for line in lines if "send_redirects" in line)
    interfaces = ("all", "default", "eth0", "eth1", "eth2", "br-lan")
    assert settings == {f"net.ipv4.conf.{name}.send_redirects": "0" for name in interfaces}
