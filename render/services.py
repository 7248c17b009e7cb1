"""Services: pools of VIPs, what is announced of them, and the demo that can be deployed.

Field names of Cilium are those of 1.18 to 1.20 (docs.cilium.io, "LoadBalancer IP Address
Management" and "BGP Control Plane Resources"); the others are the Kubernetes API's.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.families import Family, of
from config.load_balancing import AddressType
from config.plan import Plan
from config.services import Pool, Service
from render.documents import Document
from render.kubernetes import ZONE_LABEL, of_family
from render.templating import fill

_CILIUM = "cilium.io/v2"
_NAMESPACE = "default"
_SERVER = "nginx"
_IMAGE = "nginx:1.29-alpine"

#: The label that names a node (Kubernetes, Well-Known Labels).
_HOST_LABEL = "kubernetes.io/hostname"

#: The annotation by which a service asks LB IPAM for an address. Without it, services get theirs
#: in the order in which the operator happens to look at them.
_WANTED_IPS = "lbipam.cilium.io/ips"

#: Where the image takes what it fills with the environment (Docker Hub, nginx, "Using environment
#: variables in nginx configuration").
_TEMPLATES = "/etc/nginx/templates"


@dataclass(frozen=True, slots=True)
class ServiceArtifacts:
    """A service of the demo: its objects, and the EndpointSlices, which a cluster makes itself.

    There is one of those in each family (Kubernetes docs, "EndpointSlices", address types).
    """

    name: str
    config_map: Document
    deployment: Document
    service: Document
    endpoint_slices: tuple[Document, ...]


def pool(planned: Pool) -> Document:
    """The pool's `CiliumLoadBalancerIPPool`, with a block in each family.

    A block's first and last address stay out of use, in IPv6 too (Cilium's operator/pkg/lbipam).
    A pool of one datacentre is for services that carry the datacentre's label.
    """
    selector = (
        {"serviceSelector": {"matchLabels": {ZONE_LABEL: planned.datacentre}}}
        if planned.datacentre
        else {}
    )
    return {
        "apiVersion": _CILIUM,
        "kind": "CiliumLoadBalancerIPPool",
        "metadata": {"name": planned.name},
        "spec": {
            "blocks": [{"cidr": str(cidr)} for cidr in planned.cidrs],
            "allowFirstLastIPs": "No",
            **selector,
        },
    }


def advertisement(plan: Plan) -> Document | None:
    """What a node advertises of services; nothing where no address of theirs is announced.

    An empty selector is every service; none at all would be no service.
    """
    services = plan.load_balancing
    if not services.announce:
        return None
    addresses: Document = {"addresses": [str(kind) for kind in services.announce]}
    for family, length in services.aggregation_lengths.items():
        addresses[f"aggregationLength{family.label}"] = length
    return {
        "advertisementType": "Service",
        "service": addresses,
        "selector": {"matchLabels": dict(services.selector)} if services.selector else {},
    }


def demo(plan: Plan, service: Service) -> ServiceArtifacts:
    """The objects of one service of the demo."""
    return ServiceArtifacts(
        name=service.name,
        config_map=_config_map(plan, service),
        deployment=_deployment(service),
        service=_service(plan, service),
        endpoint_slices=tuple(_endpoint_slice(service, family) for family in plan.families),
    )


def _service(plan: Plan, service: Service) -> Document:
    zone = {ZONE_LABEL: service.datacentre} if service.datacentre else {}
    addresses = {kind: list(map(str, found)) for kind, found in service.addresses.items()}
    spec: Document = {
        "type": "LoadBalancer",
        "ipFamilyPolicy": "RequireDualStack" if len(plan.families) > 1 else "SingleStack",
        "ipFamilies": [family.label for family in plan.families],
        "selector": _app(service),
        "ports": [{"name": "http", "protocol": "TCP", "port": service.port, "targetPort": "http"}],
        "externalTrafficPolicy": str(service.policy),
    }
    if cluster_ips := addresses.get(AddressType.CLUSTER_IP):
        spec |= {"clusterIP": cluster_ips[0], "clusterIPs": cluster_ips}
    if external_ips := addresses.get(AddressType.EXTERNAL_IP):
        spec["externalIPs"] = external_ips
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": service.name,
            "namespace": _NAMESPACE,
            "labels": {**_app(service), **zone, **plan.load_balancing.selector},
            "annotations": {_WANTED_IPS: ",".join(map(str, service.vips))},
        },
        "spec": spec,
    }


def _deployment(service: Service) -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": service.name, "namespace": _NAMESPACE, "labels": _app(service)},
        "spec": {
            "replicas": service.replicas,
            "selector": {"matchLabels": _app(service)},
            "template": {"metadata": {"labels": _app(service)}, "spec": _pod(service)},
        },
    }


def _pod(service: Service) -> Document:
    """On the nodes of the plan, evenly; ready when it answers.

    Which nodes announce a service with `externalTrafficPolicy: Local` is thereby in the plan.
    """
    nodes = list(dict.fromkeys(backend.node for backend in service.backends))
    on_nodes = {"key": _HOST_LABEL, "operator": "In", "values": nodes}
    by_node = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    return {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [on_nodes]}]
                }
            }
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": _HOST_LABEL,
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": _app(service)},
            }
        ],
        "containers": [
            {
                "name": _SERVER,
                "image": _IMAGE,
                "env": [by_node],
                "ports": [{"name": "http", "containerPort": service.port}],
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
                "volumeMounts": [{"name": "templates", "mountPath": _TEMPLATES}],
            }
        ],
        "volumes": [{"name": "templates", "configMap": {"name": service.name}}],
    }


def _config_map(plan: Plan, service: Service) -> Document:
    """What nginx answers: the pod's name, its node's, and the address that it was asked from."""
    anywhere = {Family.IPV4: "", Family.IPV6: "[::]:"}  # an address of IPv6 takes no IPv4
    listen = [f"{anywhere[family]}{service.port}" for family in plan.families]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": service.name, "namespace": _NAMESPACE, "labels": _app(service)},
        "data": {"default.conf.template": fill("demo-nginx.conf.j2", listen=listen)},
    }


def _endpoint_slice(service: Service, family: Family) -> Document:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": of_family(service.name, family),
            "namespace": _NAMESPACE,
            "labels": {"kubernetes.io/service-name": service.name},
        },
        "addressType": family.label,
        "ports": [{"name": "http", "protocol": "TCP", "port": service.port}],
        "endpoints": [
            {
                "addresses": [str(of(family, backend.addresses))],
                "nodeName": backend.node,
                "zone": backend.datacentre,
                "targetRef": {"kind": "Pod", "namespace": _NAMESPACE, "name": backend.pod},
            }
            for backend in service.backends
        ],
    }


def _app(service: Service) -> dict[str, str]:
    return {"app": service.name}
