"""Talos: what one node's machine configuration has beyond the generated one.

Field names are those of Talos 1.13 (talos.dev, reference, "v1alpha1 Config"). The patch holds no
field of `machine.network` that a document of its own has taken over.
"""

from __future__ import annotations

from config.families import EVERYWHERE, family_of, single
from config.images import TalosImage
from config.machines import Node, Role, Site
from config.plan import Plan
from render import egress
from render.cilium import KUBE_PRISM_PORT, LISTEN_PORT
from render.documents import Document
from render.kubernetes import ZONE_LABEL
from render.yaml_text import yaml_text

INSTALL_DISK = "/dev/vda"


def machine_patch(plan: Plan, site: Site, node: Node) -> str:
    """The strategic merge patch of one node: the configuration proper, its host name, its firewall.

    The host name has a document of its own since Talos 1.12, and the generated one says
    `auto: stable`; naming the host in `machine.network` as well would be refused.
    """
    return yaml_text(
        {"machine": _machine(plan, site, node), "cluster": _cluster(plan, site, node)},
        {"apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "off", "hostname": node.name},
        _bgp_of_routers(plan, node),
    )


def install_patch(image: TalosImage) -> str:
    """The patch that has a node install what it was booted from.

    The factory has an installer for each schematic (Image Factory docs, "Installer image").
    """
    registry = image.factory.partition("://")[2]
    reference = f"{registry}/metal-installer/{image.schematic}:{image.version}"
    return yaml_text({"machine": {"install": {"image": reference}}})


def _bgp_of_routers(plan: Plan, node: Node) -> Document:
    """BGP comes in from the node's neighbors alone, by Talos' ingress firewall.

    Where the default action is to accept, as here, a rule drops what comes to its ports from other
    addresses, in either family, and is about nothing else (Talos 1.13, nftables_chain_config.go).
    """
    return {
        "apiVersion": "v1alpha1",
        "kind": "NetworkRuleConfig",
        "name": "bgp-of-routers",
        "portSelector": {"ports": [LISTEN_PORT], "protocol": "tcp"},
        "ingress": [
            {"subnet": str(single(session.neighbor))} for session in plan.sessions[node.name]
        ],
    }


def _machine(plan: Plan, site: Site, node: Node) -> Document:
    gateways = plan.egress_gateway.gateways if plan.egress_gateway else ()
    return {
        # Cilium's interface has an address as well: the kubelet must not take that one.
        "kubelet": {"nodeIP": {"validSubnets": [str(lan) for lan in site.lans]}},
        "network": {
            "nameservers": [str(gateway) for gateway in node.gateways],
            "interfaces": [
                {
                    "deviceSelector": {"hardwareAddr": node.lan.mac},
                    "dhcp": False,
                    "addresses": [str(address) for address in node.lan.addresses],
                    "routes": [
                        {"network": str(EVERYWHERE[family_of(gateway)]), "gateway": str(gateway)}
                        for gateway in node.gateways
                    ],
                },
                *(egress.interface(item) for item in gateways if item.node == node.name),
            ],
        },
        "install": {"disk": INSTALL_DISK},
        "features": {
            "kubePrism": {"enabled": True, "port": KUBE_PRISM_PORT},
            # CoreDNS asks the router directly: without masquerading Cilium routes pods past the
            # host's stack, where the forwarder's link-local address would be (cilium#36737).
            "hostDNS": {"enabled": True, "forwardKubeDNSToHost": False},
        },
        "nodeLabels": {ZONE_LABEL: site.name},
    }


def _cluster(plan: Plan, site: Site, node: Node) -> Document:
    network: Document = {
        "cni": {"name": "none"},
        "podSubnets": [str(ranges.pods) for ranges in plan.ranges],
        "serviceSubnets": [str(ranges.services) for ranges in plan.ranges],
    }
    everywhere: Document = {"network": network, "proxy": {"disabled": True}}
    if node.role is not Role.CONTROLPLANE:
        return everywhere
    only_controlplanes = all(other.role is Role.CONTROLPLANE for other in plan.nodes)
    return everywhere | {
        # PodCIDRs are the plan's: the allocator would give a node any that is free, before the
        # plan's own could be set (kube-controller-manager, --allocate-node-cidrs).
        "controllerManager": {"extraArgs": {"allocate-node-cidrs": "false"}},
        "etcd": {"advertisedSubnets": [str(site.lan)]},
        "allowSchedulingOnControlPlanes": only_controlplanes,
    }
