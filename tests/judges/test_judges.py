"""The judges find what they are there for: files that look right and are not."""

import pytest

from tests.judges.judges import judge_cilium, judge_talos, may_build

pytestmark = may_build

PATCH = """
machine:
  install: {disk: /dev/vda}
  nodeLabels: {topology.kubernetes.io/zone: ams}
cluster:
  network: {cni: {name: none}}
---
apiVersion: v1alpha1
kind: HostnameConfig
auto: "off"
hostname: ams-worker1
---
apiVersion: v1alpha1
kind: NetworkRuleConfig
name: bgp
portSelector: {ports: [1179], protocol: tcp}
ingress: [{subnet: 10.1.1.2/32}]
"""


def resource(kind: str, spec: str, version: str = "v2", metadata: str = "name: it") -> str:
    return f"""
apiVersion: cilium.io/{version}
kind: {kind}
metadata: {{{metadata}}}
spec: {spec}
"""


CLUSTER_CONFIG = resource(
    "CiliumBGPClusterConfig",
    "{nodeSelector: {matchLabels: {zone: ams}}, bgpInstances: [{name: ams, localASN: 65001, peers: "
    "[{name: r1, peerAddress: 10.1.1.2, peerASN: 65000, peerConfigRef: {name: ams}}]}]}",
)
PEER_CONFIG = resource(
    "CiliumBGPPeerConfig", "{timers: {holdTimeSeconds: 9, keepAliveTimeSeconds: 3}}"
)
ADVERTISEMENT = resource(
    "CiliumBGPAdvertisement", "{advertisements: [{advertisementType: PodCIDR}]}"
)
OVERRIDE = resource(
    "CiliumBGPNodeConfigOverride", "{bgpInstances: [{name: ams, routerID: 10.1.1.2}]}"
)
POOL = resource(
    "CiliumLoadBalancerIPPool", '{blocks: [{cidr: 10.112.0.0/16}], allowFirstLastIPs: "No"}'
)
EGRESS = resource(
    "CiliumEgressGatewayPolicy",
    "{selectors: [{podSelector: {}}], destinationCIDRs: [0.0.0.0/0],"
    " egressGateway: {nodeSelector: {}, egressIP: 10.113.0.1}}",
)
SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: bgp-ams, namespace: kube-system}
stringData: {password: x}
"""


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize("role", ["controlplane", "worker"])
def test_talos_takes_a_minimal_patch_for_either_role(role: str) -> None:
    assert judge_talos({"a patch": (role, PATCH)}) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        pytest.param("install:", "instal:", "instal:", id="a misspelt key"),
        pytest.param("auto:", "automatic:", "automatic:", id="one in another document"),
        pytest.param("HostnameConfig", "HostConfig", "HostConfig", id="an unknown document"),
        pytest.param("disk: /dev/vda", "", "install disk", id="nowhere to install"),
        pytest.param("machine:", "machine:\n  network: {hostname: a}", "hostname", id="two names"),
        pytest.param("zone: ams", "zone: a b", "label", id="no label's value"),
        pytest.param("[1179]", "[]", "portSelector.ports is required", id="a rule about no port"),
        pytest.param("10.1.1.2/32", "10.1.1.2", "10.1.1.2", id="an address for a subnet"),
        pytest.param(
            "machine:",
            "machine:\n  network: {interfaces: [{interface: egress, dummi: true}]}",
            "dummi",
            id="one of an interface",
        ),
        pytest.param(
            "machine:",
            "machine:\n  network: {interfaces: [{interface: eth0, cidr: 10.1.1.2/24}]}",
            "deprecated",
            id="a deprecated key",
        ),
    ],
)
def test_talos_names_what_it_refuses(old: str, new: str, complaint: str) -> None:
    problems = judge_talos({"bad": ("worker", changed(PATCH, old, new))})
    assert len(problems) == 1
    assert problems[0].startswith("bad: ")
    assert complaint in problems[0]


def test_talos_judges_many_patches_at_once_and_tells_them_apart() -> None:
    misspelt = changed(PATCH, "cluster:", "clutser:")
    vip = "machine: {network: {interfaces: [{interface: eth0, vip: {ip: x}}]}}"
    problems = judge_talos(
        {"good": ("worker", PATCH), "a: b=c/": ("worker", misspelt), "two": ("worker", vip)}
    )
    assert problems[0].startswith("a: b=c/: ")
    assert len([problem for problem in problems if problem.startswith("two: ")]) > 1
    assert not [problem for problem in problems if problem.startswith("good: ")]


def test_cilium_takes_a_valid_resource_of_each_kind() -> None:
    kinds = [CLUSTER_CONFIG, PEER_CONFIG, ADVERTISEMENT, OVERRIDE, POOL, EGRESS, SECRET]
    assert judge_cilium({str(number): text for number, text in enumerate(kinds)}) == []


@pytest.mark.parametrize(
    ("text", "old", "new", "complaint"),
    [
        pytest.param(
            CLUSTER_CONFIG,
            "peerASN",
            "peerAsn",
            "spec.bgpInstances[0].peers[0].peerAsn: unknown",
            id="a misspelt key",
        ),
        pytest.param(
            CLUSTER_CONFIG, "name: it", "names: it, name: it", "metadata.names", id="in metadata"
        ),
        pytest.param(CLUSTER_CONFIG, "10.1.1.2", "10.1.1", "peerAddress", id="no address"),
        pytest.param(CLUSTER_CONFIG, "zone: ams", "zone: on", "zone", id="a bare YAML boolean"),
        pytest.param(
            CLUSTER_CONFIG,
            "peers: [",
            "peers: [{name: r1, peerAddress: 10.1.1.3}, ",
            "spec.bgpInstances[0].peers[1]: Duplicate",
            id="two peers of one name",
        ),
        pytest.param(CLUSTER_CONFIG, "it}", "it, namespace: a}", "namespace", id="a namespace"),
        pytest.param(
            PEER_CONFIG,
            ", keepAliveTimeSeconds: 3",
            "",
            "keepAliveTimeSeconds can not be larger than holdTimeSeconds",
            id="a hold time below the default keepalive",
        ),
        pytest.param(
            ADVERTISEMENT,
            "PodCIDR",
            "PodCIDR, selector: {}",
            "selector field is not allowed for the 'PodCIDR'",
            id="a selector of PodCIDRs",
        ),
        pytest.param(POOL, '"No"', "No", "allowFirstLastIPs", id="an unquoted No"),
        pytest.param(EGRESS, "selectors:", "selector:", "spec.selectors: Required", id="required"),
        pytest.param(
            EGRESS, "egressIP: 10.113.0.1", "egressIP: 10.113.0", "egressIP", id="no address out"
        ),
        pytest.param(EGRESS, "0.0.0.0/0", "everywhere", "destinationCIDRs[0]", id="no range out"),
        pytest.param(
            EGRESS,
            "nodeSelector: {}, ",
            "",
            "spec.egressGateway.nodeSelector: Required",
            id="a way out by nobody",
        ),
        pytest.param(PEER_CONFIG, "v2", "v2alpha1", "v2alpha1 is deprecated", id="deprecated"),
        pytest.param(PEER_CONFIG, "PeerConfig", "PeeringPolicy", "has no", id="a removed kind"),
        pytest.param(SECRET, "stringData", "stringdata", "stringdata", id="in a Secret"),
        pytest.param(SECRET, "v1", "v2", '"Secret"', id="an unknown version"),
        pytest.param(SECRET, "stringData", "kind: A\nstringData", '"kind"', id="a key twice"),
        pytest.param(SECRET, SECRET, "\n- a", "array", id="no mapping"),
        pytest.param(SECRET, "stringData", "items: []\nstringData", "list", id="a list"),
    ],
)
def test_cilium_names_what_a_cluster_would_refuse(
    text: str, old: str, new: str, complaint: str
) -> None:
    bad = changed(text, old, new)
    problems = judge_cilium({"good": POOL, "bad": f"{PEER_CONFIG}---{bad}"})
    assert problems
    assert all(problem.startswith("bad: ") for problem in problems)
    assert [problem for problem in problems if complaint in problem]


def test_cilium_wonders_about_a_file_without_resources() -> None:
    assert judge_cilium({"empty": "---\n# nothing\n"}) == ["empty: no resource in it"]


def test_no_files_are_no_verdict() -> None:
    with pytest.raises(RuntimeError, match="nothing to judge"):
        judge_talos({})
    with pytest.raises(RuntimeError, match="nothing to judge"):
        judge_cilium({})
    with pytest.raises(RuntimeError, match="not ROLE=FILE"):
        judge_talos({"a patch": ("router", PATCH)})
