"""What the API server has of Cilium's resources, as `verify` reads it."""

SESSIONS_PATH = "/apis/cilium.io/v2/ciliumbgpnodeconfigs"
NODES_PATH = "/apis/cilium.io/v2/ciliumnodes"


def node(name: str, peers: list[dict[str, object]], states: list[dict[str, object]]) -> object:
    """As cilium.io/v2 has it (`CiliumBGPNodeConfig`)."""
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumBGPNodeConfig",
        "metadata": {"name": name},
        "spec": {"bgpInstances": [{"name": "underlay", "localASN": 65001, "peers": peers}]},
        "status": {"bgpInstances": [{"name": "underlay", "localASN": 65001, "peers": states}]},
    }
