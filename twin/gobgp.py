"""Speaks to a node's GoBGP over its gRPC API (https://github.com/osrg/gobgp, docs)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from typing import TypeVar, cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from config.families import Address, Family, Network, family_of, of
from twin import gobgp_pb2 as api

#: How long an answer may take, and how long a new gobgpd may take to listen.
_LIMIT_SECONDS = 15.0

#: gRPC's first retry comes after a second unless told; a new gobgpd listens after milliseconds.
_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 10),
    ("grpc.min_reconnect_backoff_ms", 10),
    ("grpc.max_reconnect_backoff_ms", 50),
    ("grpc.use_local_subchannel_pool", 1),
)

#: What Cilium sets: after a lost session GoBGP waits this long before it tries again.
_IDLE_SECONDS_AFTER_RESET = 5

#: A GoBGP's own AS number, router ID and listen port, and what one says that knows nothing yet.
_Itself = tuple[int, str, int]
_ITSELF_UNTOLD: _Itself = (0, "", 0)
_NOT_LISTENING = -1

_UNICAST = {
    Family.IPV4: api.Family(afi=api.Family.AFI_IP, safi=api.Family.SAFI_UNICAST),
    Family.IPV6: api.Family(afi=api.Family.AFI_IP6, safi=api.Family.SAFI_UNICAST),
}

_Message = TypeVar("_Message", bound=Message)
_Answer = TypeVar("_Answer")


class GobgpError(RuntimeError):
    """GoBGP refused a request, or does not answer."""


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A session as a node wants it, and the families that are told over it.

    Times are in seconds; no restart time, no graceful restart.
    """

    address: Address
    families: tuple[Family, ...]
    asn: int
    local_asn: int
    port: int
    hold_time: int
    keepalive_time: int
    connect_retry_time: int
    restart_time: int | None
    password: str | None


@dataclass(frozen=True, slots=True)
class Speaker:
    """All that a node's GoBGP is to do. Without a listen port it only dials, like Cilium.

    `next_hops` are the node's own addresses, one in each family of its prefixes.
    """

    asn: int
    router_id: IPv4Address
    listen_port: int | None
    neighbors: tuple[Neighbor, ...]
    next_hops: tuple[Address, ...]
    prefixes: tuple[Network, ...]


class Client:
    """One GoBGP. Raises `GobgpError` from every method that is refused or not answered."""

    def __init__(self, channel: grpc.Channel, api_socket: Path) -> None:
        self._channel = channel
        self._api_socket = api_socket

    def apply(self, speaker: Speaker) -> None:
        """Make GoBGP what `speaker` says. Sessions that stay as they are, are not touched."""
        running = self._itself()
        if running == _itself(speaker):
            self._apply_neighbors(speaker.neighbors, self.neighbors())
            self.withdraw_others(speaker)
            self.announce(speaker)
            return
        if running != _ITSELF_UNTOLD:
            self._call("StopBgp", api.StopBgpRequest(), Empty)
        self.start(speaker)

    def start(self, speaker: Speaker) -> None:
        """Tell a GoBGP that knows nothing yet: prefixes first, as Cilium's agent does.

        So the first that a neighbor hears after a restart is all of them, and none is withdrawn by
        the end of what it was told (RFC 4724, section 4.1).
        """
        request = api.StartBgpRequest()
        settings = _global(request)
        settings.asn, settings.router_id, settings.listen_port = _itself(speaker)
        self._call("StartBgp", request, Empty)
        self.announce(speaker)
        self._apply_neighbors(speaker.neighbors, {})

    def is_as(self, speaker: Speaker) -> bool:
        """Whether GoBGP is configured as `speaker` says."""
        return (
            self._itself() == _itself(speaker)
            and self.neighbors() == {peer.address: peer for peer in speaker.neighbors}
            and set(self.prefixes()) == set(speaker.prefixes)
        )

    def sessions(self) -> dict[Address, str]:
        """The state of each session by its neighbor's address, in RFC 4271's words."""
        states = api.PeerState.SessionState
        return {
            ip_address(peer.conf.neighbor_address): states.Name(
                peer.state.session_state
            ).capitalize()
            for peer in self._peers()
        }

    def neighbors(self) -> dict[Address, Neighbor]:
        """The sessions as they are configured, by the neighbor's address."""
        found = (_neighbor(peer) for peer in self._peers())
        return {neighbor.address: neighbor for neighbor in found}

    def withdraw_others(self, speaker: Speaker) -> None:
        """Announce no prefix that `speaker` does not."""
        for prefix in set(self.prefixes()) - set(speaker.prefixes):
            # Which next hop it has does not matter to GoBGP, but one it must have.
            path = _path(prefix, prefix.network_address)
            request = api.DeletePathRequest(family=path.family, path=path)
            self._call("DeletePath", request, Empty)

    def announce(self, speaker: Speaker) -> None:
        """Announce every prefix that `speaker` does."""
        for prefix in set(speaker.prefixes) - set(self.prefixes()):
            path = _path(prefix, of(family_of(prefix), speaker.next_hops))
            self._call("AddPath", api.AddPathRequest(path=path), api.AddPathResponse)

    def prefixes(self) -> list[Network]:
        """What it announces."""
        return [
            ip_network(answer.destination.prefix)
            for family in _UNICAST.values()
            for answer in self._stream(
                "ListPath", api.ListPathRequest(family=family), api.ListPathResponse
            )
        ]

    def _apply_neighbors(
        self, wanted: tuple[Neighbor, ...], configured: Mapping[Address, Neighbor]
    ) -> None:
        for address in configured.keys() - {neighbor.address for neighbor in wanted}:
            self._call("DeletePeer", api.DeletePeerRequest(address=str(address)), Empty)
        for neighbor in wanted:
            current = configured.get(neighbor.address)
            if current is None:
                self._call("AddPeer", api.AddPeerRequest(peer=_peer(neighbor)), Empty)
            elif current != neighbor:
                request = api.UpdatePeerRequest(peer=_peer(neighbor))
                self._call("UpdatePeer", request, api.UpdatePeerResponse)

    def _itself(self) -> _Itself:
        told = _global(self._call("GetBgp", api.GetBgpRequest(), api.GetBgpResponse))
        return told.asn, told.router_id, told.listen_port

    def _peers(self) -> list[api.Peer]:
        answers = self._stream("ListPeer", api.ListPeerRequest(), api.ListPeerResponse)
        return [answer.peer for answer in answers]

    def _call(self, method: str, request: Message, answer: type[_Message]) -> _Message:
        call = self._channel.unary_unary(
            f"/apipb.GobgpApi/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        return self._answered(
            lambda: cast(_Message, call(request, timeout=_LIMIT_SECONDS, wait_for_ready=True))
        )

    def _stream(self, method: str, request: Message, answer: type[_Message]) -> list[_Message]:
        call = self._channel.unary_stream(
            f"/apipb.GobgpApi/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        return self._answered(
            lambda: list(call(request, timeout=_LIMIT_SECONDS, wait_for_ready=True))
        )

    def _answered(self, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return ask()
        except grpc.RpcError as error:
            details = getattr(error, "details", error.__str__)()
            raise GobgpError(f"GoBGP at {self._api_socket}: {details}") from None


@contextmanager
def connect(api_socket: Path) -> Iterator[Client]:
    """A client for the GoBGP that listens, or soon will, at this socket."""
    with grpc.insecure_channel(f"unix://{api_socket}", options=_CHANNEL_OPTIONS) as channel:
        yield Client(channel, api_socket)


def _global(message: api.StartBgpRequest | api.GetBgpResponse) -> api.Global:
    """The field is named by a keyword of Python's."""
    found: api.Global = getattr(message, "global")
    return found


def _itself(speaker: Speaker) -> _Itself:
    return speaker.asn, str(speaker.router_id), speaker.listen_port or _NOT_LISTENING


def _peer(neighbor: Neighbor) -> api.Peer:
    restarts = neighbor.restart_time is not None
    return api.Peer(
        conf=api.PeerConf(
            neighbor_address=str(neighbor.address),
            peer_asn=neighbor.asn,
            local_asn=neighbor.local_asn,
            auth_password=neighbor.password or "",
        ),
        timers=api.Timers(
            config=api.TimersConfig(
                connect_retry=neighbor.connect_retry_time,
                hold_time=neighbor.hold_time,
                keepalive_interval=neighbor.keepalive_time,
                idle_hold_time_after_reset=_IDLE_SECONDS_AFTER_RESET,
            )
        ),
        transport=api.Transport(remote_port=neighbor.port),
        graceful_restart=api.GracefulRestart(
            enabled=restarts,
            restart_time=neighbor.restart_time or 0,
            notification_enabled=restarts,
            # Says that forwarding went on, as Cilium's agent does; else BIRD drops the routes when
            # the agent is back (RFC 4724, section 4.2: the F bit).
            local_restarting=restarts,
        ),
        afi_safis=[
            api.AfiSafi(
                config=api.AfiSafiConfig(family=_UNICAST[family], enabled=True),
                mp_graceful_restart=api.MpGracefulRestart(
                    config=api.MpGracefulRestartConfig(enabled=restarts)
                ),
            )
            for family in neighbor.families
        ],
    )


def _neighbor(peer: api.Peer) -> Neighbor:
    timers = peer.timers.config
    restart = peer.graceful_restart
    return Neighbor(
        address=ip_address(peer.conf.neighbor_address),
        families=tuple(
            family
            for told in peer.afi_safis
            for family, known in _UNICAST.items()
            if known == told.config.family
        ),
        asn=peer.conf.peer_asn,
        local_asn=peer.conf.local_asn,
        port=peer.transport.remote_port,
        hold_time=timers.hold_time,
        keepalive_time=timers.keepalive_interval,
        connect_retry_time=timers.connect_retry,
        restart_time=restart.restart_time if restart.enabled else None,
        password=peer.conf.auth_password or None,
    )


def _path(prefix: Network, next_hop: Address) -> api.Path:
    return api.Path(
        family=_UNICAST[family_of(prefix)],
        nlri=_any(
            api.IPAddressPrefix(prefix=str(prefix.network_address), prefix_len=prefix.prefixlen)
        ),
        pattrs=[
            _any(api.OriginAttribute(origin=0)),
            _any(api.NextHopAttribute(next_hop=str(next_hop))),
        ],
    )


def _any(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
