"""Certificates of one right and three wrong kinds."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import trustme

AUTHORITY = "authority.crt"
"""The file that the programs under test trust."""


def write_certificates(folder):
    """Write ``right``, ``expired``, ``wrong_host`` and ``unknown_authority`` to *folder*."""
    folder = Path(folder)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / AUTHORITY)
    now = datetime.now(timezone.utc)
    past = {"not_before": now - timedelta(days=9), "not_after": now - timedelta(days=1)}
    made = {
        "right": authority.issue_cert("127.0.0.1"),
        "expired": authority.issue_cert("127.0.0.1", **past),
        "wrong_host": authority.issue_cert("elsewhere.example"),
        "unknown_authority": trustme.CA().issue_cert("127.0.0.1"),
    }
    for name, certificate in made.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
