"""A router's metrics: the script that asks BIRD, and the web server that runs it.

OpenWrt has no bird_exporter, and what its own exporter runs is Lua, which nothing else here needs.
So it is a CGI script for the shell and awk that every router has, and OpenWrt's uhttpd runs it.
"""

from __future__ import annotations

from config import routes
from config.families import with_port
from config.machines import Router, Site
from config.observability import ROUTER_PORT
from config.plan import Plan
from config.security import Wan
from render.templating import fill

#: The package of OpenWrt that the metrics need.
PACKAGE = "uhttpd"

SERVER = "/etc/config/uhttpd"
_HOME = "/usr/share/underlay"
_CGI_PREFIX = "/cgi-bin"

#: The firewall's zones that are inside.
_INSIDE = ("lan", "peering")

#: Where a router is asked for its metrics. uhttpd takes an interpreter by the name's ending alone,
#: and then the file need not be executable (uhttpd, option `interpreter`).
PATH = f"{_CGI_PREFIX}/metrics.sh"
SCRIPT = f"{_HOME}{PATH}"


def files(plan: Plan, site: Site, router: Router) -> dict[str, str]:
    """The script and the web server's configuration, where routers have metrics."""
    if not plan.observability.routers:
        return {}
    return {
        SCRIPT: fill(
            "metrics.sh.j2",
            planned=routes.of_router(plan, site),
            versions=[f.version for f in plan.families],
        ),
        SERVER: fill(
            "uhttpd.j2",
            listen=with_port(router.lan.address.ip, ROUTER_PORT),
            home=_HOME,
            cgi_prefix=_CGI_PREFIX,
        ),
    }


def firewall(plan: Plan) -> str:
    """What follows in `/etc/config/firewall`: who may read them. Nobody else may, by any zone.

    From the WAN come only those that are named: an address of the fabric's own would be forged.
    """
    if not plan.observability.routers:
        return ""
    inside = dict.fromkeys(_INSIDE, plan.metrics_readers)
    outside = {"wan": plan.observability.readers} if plan.observability.readers else {}
    closed = ("wan",) if plan.security.wan is Wan.OPEN else ()
    return fill(
        "firewall-metrics.j2", allowed=inside | outside, closed_zones=closed, port=ROUTER_PORT
    )
