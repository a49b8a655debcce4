"""The libraries that are compared: one file a library, one row a library in the table."""

from benchmarks.peers._base import Peer, UnsupportedError
from benchmarks.peers._table import PEERS, PeerEntry, load

__all__ = ["PEERS", "Peer", "PeerEntry", "UnsupportedError", "load"]
