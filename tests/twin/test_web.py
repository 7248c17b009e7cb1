"""A router's metrics on the twin: the script that OpenWrt's uhttpd runs, against a real BIRD."""

import http.client
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from config.load import load
from config.plan import Plan, make_plan
from config.routes import of_router
from config.sessions import SessionKind
from render import metrics
from render.artifacts import render
from render.bird import session_name
from tests.twin.test_router import boot, daemons_are_left_running, described
from twin import birdc, daemons, iproute, namespaces, web
from twin.machine import Nic
from twin.place import Place
from twin.router import BIRD_FILE, Router
from twin.segment import plug_command
from verify.metrics import ups, url
from verify.probes import scrape

__all__ = ["boot"]  # a fixture

# Neighbors are made up here, and know no passwords.
_UNSIGNED = {"security": {"generate_passwords": False}}
PLAN = make_plan(load({"observability": {"routers": True}, **_UNSIGNED}))
_BFD = {"redundancy": {"bfd": {"enabled": True, "interval_ms": 500}}}
WITH_BFD = make_plan(load({"observability": {"routers": True}, **_UNSIGNED, **_BFD}))
WITHOUT = make_plan(load(_UNSIGNED))
ADDRESS = PLAN.routers[0].lan.address.ip
URL = url(PLAN.routers[0])

pytestmark = [pytest.mark.twin, daemons_are_left_running]

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")


def samples(text: str) -> dict[tuple[str, frozenset[str]], float]:
    """Every sample by its name and labels."""
    found = [_SAMPLE.fullmatch(line) for line in text.splitlines() if line[:1] != "#"]
    return {
        (sample[1], frozenset((sample[2] or "").split(","))): float(sample[3])
        for sample in found
        if sample
    }


def value(text: str, name: str, *labels: str) -> float:
    (found,) = (
        number
        for (sample, of), number in samples(text).items()
        if sample == name and of >= set(labels)
    )
    return found


def test_a_router_without_the_option_listens_for_nobody(boot: Callable[[Plan], Router]) -> None:
    router = boot(WITHOUT)
    assert not daemons.running_in(router.place.folder, web.PROGRAM)
    with pytest.raises(ConnectionRefusedError):
        scrape(router.place, URL)


def test_every_session_is_told_of_as_bird_has_it(boot: Callable[[Plan], Router]) -> None:
    router = boot(PLAN)
    assert router.drift() == []
    text = scrape(router.place, URL)
    planned = {session_name(session) for session in PLAN.sessions["dc1-router1"]}
    assert ups(text) == dict.fromkeys(planned, False)  # nobody is there to speak with
    assert len(birdc.sessions(router.control_socket)) == len(planned)
    assert value(text, "bird_daemon_up") == 1


def test_a_session_that_comes_up_is_up(boot: Callable[[Plan], Router]) -> None:
    """With a BIRD in the place of a node: the very session that is planned."""
    router = boot(PLAN)
    session = next(s for s in PLAN.sessions["dc1-router1"] if s.neighbor_kind is SessionKind.NODE)
    with neighbor(router, str(session.neighbor), session.neighbor_asn):
        wait_for(lambda: ups(scrape(router.place, URL))[session_name(session)])
        text = scrape(router.place, URL)
        name = f'name="{session_name(session)}"'
        assert birdc.sessions(router.control_socket)[str(session.neighbor)] == "Established"
        assert value(text, "bird_protocol_up", name, 'state="Established"') == 1
    wait_for(lambda: not ups(scrape(router.place, URL))[session_name(session)])


def test_limits_are_those_that_bird_keeps_to(boot: Callable[[Plan], Router]) -> None:
    text = scrape(boot(PLAN).place, URL)
    node = 'name="node_dc1_worker1"'
    assert value(text, "underlay_prefix_limit", node, 'limit="import"') == 256
    assert value(text, "underlay_prefix_limit", node, 'limit="receive"') == 1024


def test_each_bfd_session_is_told_of_as_bird_has_it(boot: Callable[[Plan], Router]) -> None:
    router = boot(WITH_BFD)
    labels = ('name="bfd1"', 'ip="172.30.0.3"', 'interface="eth2"')
    told = bfd(scrape(router.place, URL), *labels)
    assert (told["up"], told["uptime"], told["timeout"]) == (0, 0, 0)
    with far_router(router):
        # The slower of the two sends every 600 ms, and five may be lost of its.
        wanted = {"up": 1, "interval": 0.6, "timeout": 3}
        wait_for(lambda: wanted.items() <= bfd(scrape(router.place, URL), *labels).items())
        wait_for(lambda: birdc.bfd_sessions(router.control_socket)["172.30.0.3"].state == "Up")
        wait_for(lambda: bfd(scrape(router.place, URL), *labels)["uptime"])
    wait_for(lambda: not bfd(scrape(router.place, URL), *labels)["up"])


def bfd(text: str, *labels: str) -> Mapping[str, float]:
    """What is told of the BFD session with these labels."""
    prefix = "bird_bfd_session_"
    return {
        name.removeprefix(prefix).removesuffix("_seconds"): number
        for (name, of), number in samples(text).items()
        if name.startswith(prefix) and of >= set(labels)
    }


def test_without_bfd_nothing_is_told_of_it(boot: Callable[[Plan], Router]) -> None:
    assert "bird_bfd" not in scrape(boot(PLAN).place, URL)


def test_a_planned_route_is_there_only_while_it_leads_somewhere(
    boot: Callable[[Plan], Router],
) -> None:
    router = boot(PLAN)
    pods = "10.130.21.0/24"

    def present() -> Mapping[str, float]:
        return {
            label.split('"')[1]: number
            for (name, labels), number in samples(scrape(router.place, URL)).items()
            if name == "underlay_planned_route_present"
            for label in labels
        }

    of_the_plan = dict.fromkeys(map(str, of_router(PLAN, PLAN.sites[0])), 0.0)
    alone = of_the_plan | {"10.1.1.0/24": 1.0}
    assert present() == alone
    iproute.batch(router.place.namespace, [f"route add {pods} via 172.30.0.3 dev eth2"])
    assert present() == alone | {pods: 1.0}
    iproute.batch(router.place.namespace, [f"route replace unreachable {pods}"])
    assert present() == alone


def test_a_bird_that_is_gone_is_down_and_the_rest_is_still_told(
    boot: Callable[[Plan], Router],
) -> None:
    router = boot(PLAN)
    daemons.end_all(router.place.folder, "bird")
    text = scrape(router.place, URL)
    assert value(text, "bird_daemon_up") == 0
    assert ups(text) == {}
    assert value(text, "underlay_planned_route_present", 'prefix="10.1.1.0/24"') == 1


def test_a_server_that_has_ended_is_said_and_mended(boot: Callable[[Plan], Router]) -> None:
    router = boot(PLAN)
    daemons.end_all(router.place.folder, web.PROGRAM)
    assert router.drift() == ["busybox is not running"]
    router.build("me", router)
    assert router.drift() == []
    assert scrape(router.place, URL)


def test_another_script_is_served_by_the_server_that_runs(boot: Callable[[Plan], Router]) -> None:
    router = boot(PLAN)
    before = daemons.running_in(router.place.folder, web.PROGRAM)
    grown = make_plan(load({"datacentres": 3, "observability": {"routers": True}, **_UNSIGNED}))
    replace(router, files=render(grown).routers["dc1-router1"].files).build("me", router)
    assert daemons.running_in(router.place.folder, web.PROGRAM) == before
    assert 'prefix="10.1.3.0/24"' in scrape(router.place, URL)


def test_turned_off_it_ends_and_leaves_no_file(boot: Callable[[Plan], Router]) -> None:
    router = boot(PLAN)
    replace(router, files=render(WITHOUT).routers["dc1-router1"].files).build("me", router)
    assert not daemons.running_in(router.place.folder, web.PROGRAM)
    assert not (router.place.folder / metrics.SERVER.lstrip("/")).exists()
    assert not (router.place.folder / metrics.SCRIPT.lstrip("/")).exists()


def test_a_port_that_is_taken_is_said_in_the_servers_words(
    boot: Callable[[Plan], Router],
) -> None:
    router = boot(WITHOUT)
    with namespaces.inside(router.place.namespace):
        other = socket.create_server((str(ADDRESS), 9324))
    other.listen(0)
    with other, pytest.raises(web.SilentError, match=r"10\.1\.1\.2:9324: .*Address .*in use"):
        described(PLAN, router.place.stack).build("me", router)


def test_busyboxs_shell_and_awk_which_openwrt_has_say_the_same(
    boot: Callable[[Plan], Router], tmp_path: Path
) -> None:
    router = boot(WITH_BFD)
    for applet in ("sh", "awk"):
        (tmp_path / applet).symlink_to(str(shutil.which(web.PROGRAM)))
    with namespaces.inside(router.place.namespace):
        done = subprocess.run(
            ["sh", router.place.folder / metrics.SCRIPT.lstrip("/")],
            env={
                "PATH": f"{tmp_path}:{os.environ['PATH']}:/usr/sbin",
                "UNDERLAY_BIRD_SOCKET": str(router.control_socket),
            },
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stderr == ""
    assert "awk: " not in done.stdout
    assert comparable(done.stdout) == comparable(scrape(router.place, URL))
    assert ups(done.stdout).keys() == ups(scrape(router.place, URL)).keys()
    assert of_bfd(done.stdout).keys() == of_bfd(scrape(router.place, URL)).keys() != set()


def test_names_labels_and_values_are_those_of_bird_exporter(
    boot: Callable[[Plan], Router],
) -> None:
    """Of the real one. Debian's is too old to read milliseconds: uptime and state are left out."""
    program = shutil.which("prometheus-bird-exporter")
    if program is None:
        pytest.skip("prometheus-bird-exporter is not installed")
    router = boot(PLAN)
    session = next(s for s in PLAN.sessions["dc1-router1"] if s.neighbor_kind is SessionKind.NODE)
    with neighbor(router, str(session.neighbor), session.neighbor_asn):
        wait_for(lambda: ups(scrape(router.place, URL))[session_name(session)])
        with exporter(program, router) as theirs:
            told = comparable(theirs())
            assert told == comparable(scrape(router.place, URL))
    assert len({name for name, _ in told}) == 25
    assert any(number > 0 for (name, _), number in told.items() if "import_count" in name)


def test_bfd_is_told_of_as_bird_exporter_tells_of_it(boot: Callable[[Plan], Router]) -> None:
    """It cannot read milliseconds."""
    program = shutil.which("prometheus-bird-exporter")
    if program is None:
        pytest.skip("prometheus-bird-exporter is not installed")
    router = boot(WITH_BFD)
    file = router.place.folder / BIRD_FILE.lstrip("/")
    file.write_text(file.read_text().replace("iso long ms", "iso long"))
    birdc.ask(router.control_socket, "configure")

    with far_router(router), exporter(program, router) as theirs:
        # Between down and up, this exporter knows of no session.
        wait_for(lambda: bfd(theirs()).get("up"))
        wait_for(lambda: of_bfd(theirs()) == of_bfd(scrape(router.place, URL)))
        assert {name for name, _ in of_bfd(scrape(router.place, URL))} == {
            *("bird_bfd_session_up", "bird_bfd_session_uptime_seconds"),
            *("bird_bfd_session_interval_seconds", "bird_bfd_session_timeout_seconds"),
        }


def of_bfd(text: str) -> Mapping[tuple[str, frozenset[str]], float]:
    """All that is told of BFD; of a session's age, whether there is one."""
    return {
        (name, labels): min(number, 1) if "uptime" in name else number
        for (name, labels), number in samples(text).items()
        if name.startswith("bird_bfd_")
    }


def comparable(text: str) -> Mapping[tuple[str, frozenset[str]], float]:
    return {
        (name, frozenset(label for label in labels if not label.startswith("state="))): number
        for (name, labels), number in samples(text).items()
        if name.startswith("bird_protocol_") and name != "bird_protocol_uptime"
        if labels & _PROTOCOLS
    }


#: Those that the script tells of: later exporters have more.
_PROTOCOLS = {f'proto="{name}"' for name in ("BGP", "Direct", "Kernel", "Static")}


@contextmanager
def exporter(program: str, router: Router) -> Iterator[Callable[[], str]]:
    with namespaces.inside(router.place.namespace):
        running = subprocess.Popen(
            [
                *(program, "-bird.v2", "-bird.socket", str(router.control_socket)),
                *("-web.listen-address", "127.0.0.1:9999"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def read() -> str:
        where = http.client.HTTPConnection("127.0.0.1", 9999, timeout=10)
        with namespaces.inside(router.place.namespace), closing(where) as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    def answers() -> bool:
        try:
            return bool(read())
        except OSError:
            return False

    try:
        wait_for(answers)
        yield read
    finally:
        running.terminate()
        running.wait(10)


@contextmanager
def neighbor(router: Router, address: str, asn: int) -> Iterator[None]:
    """A BIRD on the router's LAN that announces the PodCIDR of the node it stands for."""
    place = Place(router.place.stack, "node")
    place.claim("me")
    lan = PLAN.routers[0].lan
    plug_into_lan(router, place, address)
    configuration = place.folder / "bird.conf"
    configuration.write_text(
        f"router id {address};\nprotocol device {{ scan time 1; }}\n"
        "protocol static { ipv4; route 10.129.11.0/24 unreachable;"
        " route 10.129.21.0/24 unreachable; }\n"
        f"protocol bgp {{ local {address} port 1179 as {asn};"
        f" neighbor {lan.address.ip} as {PLAN.routers[0].asn};"
        " connect delay time 1; ipv4 { import all; export all; }; }\n"
    )
    run_bird(place, configuration)
    try:
        yield
    finally:
        place.release()


@contextmanager
def far_router(router: Router) -> Iterator[None]:
    """A BIRD on the peering network that speaks BFD as the router of the other datacentre."""
    place = Place(router.place.stack, "far")
    place.claim("me")
    plug_into(router.nics[2], place, "172.30.0.3/22")
    configuration = place.folder / "bird.conf"
    configuration.write_text(
        "router id 172.30.0.3;\nprotocol device { scan time 1; }\nprotocol bfd {"
        ' interface "eth0" { interval 600 ms; multiplier 5; };'
        ' neighbor 172.30.0.1 dev "eth0"; }\n'
    )
    run_bird(place, configuration)
    try:
        yield
    finally:
        place.release()


def run_bird(place: Place, configuration: Path) -> None:
    command = ["bird", "-c", str(configuration), "-s", str(place.folder / "bird.ctl")]
    daemons.launch(
        place.namespace, [*command, "-P", str(place.folder / "pid")], folder=place.folder
    )


def plug_into_lan(router: Router, place: Place, address: str) -> None:
    plug_into(router.nics[0], place, f"{address}/24")
    # Its neighbor has a permanent entry for the node's own card.
    iproute.batch(
        router.place.namespace,
        [f"neighbor replace {address} lladdr {_MAC} dev br-lan nud permanent"],
    )


_MAC = "02:20:00:01:99:00"


def plug_into(nic: Nic, place: Place, address: str) -> None:
    plug = plug_command(machine_namespace=place.namespace, device="eth0", mac=_MAC)
    iproute.batch(nic.segment, [plug])
    iproute.batch(
        place.namespace,
        ["link set lo up", f"address add {address} dev eth0", "link set eth0 up"],
    )


def wait_for(condition: Callable[[], object], within_seconds: float = 30) -> None:
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not come within {within_seconds} s"
        time.sleep(0.1)


def test_the_firewall_lets_the_fabric_read_and_nobody_else(boot: Callable[[Plan], Router]) -> None:
    router = boot(PLAN)
    fellow = Place(router.place.stack, "node")
    fellow.claim("me")
    plug_into_lan(router, fellow, "10.1.1.77")
    assert ups(scrape(fellow, URL))
    stranger = f"route replace {ADDRESS}/32 dev eth0 src 192.0.2.9"
    iproute.batch(fellow.namespace, ["address add 192.0.2.9/24 dev eth0", stranger])
    iproute.batch(router.place.namespace, ["route add 192.0.2.0/24 dev br-lan"])  # to answer by
    with pytest.raises(ConnectionRefusedError):
        scrape(fellow, URL)
