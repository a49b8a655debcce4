"""The libraries that are compared: one file a library, one row a library in the table."""

from benchmarks.peers._base import Peer, Unsupported
from benchmarks.peers._table import PEERS, PeerEntry, load

__all__ = ["PEERS", "Peer", "PeerEntry", "Unsupported", "load"]
