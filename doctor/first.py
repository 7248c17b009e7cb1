"""What is asked by every `up`, before the first call to a libvirt: what is certain and quick."""

from __future__ import annotations

from contextlib import suppress

from config.libvirt import DomainType
from doctor.checks import daemon, kvm, programs
from doctor.finding import Finding
from doctor.look import UnseenError, look
from doctor.uri import way


def findings(uri: str, domain_type: DomainType) -> list[Finding]:
    """All that would certainly make the first call fail, or the first machine."""
    to = way(uri)
    found = [*programs.xsltproc(), *daemon.findings(to)]
    if to.is_local:
        with suppress(UnseenError):
            found += kvm.findings(look(to, "/"), domain_type, uri)
    return [finding for finding in found if finding.stops]
