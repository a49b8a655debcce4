"""A warning for telemetry that crosses a network where everyone on the way can read it."""

from testpilot_obs._core import diagnostics


def warn_of_clear_text(where: str, host: str, *, has_secrets: bool) -> None:
    """Say once that *where* is another machine and is sent to without TLS.

    Args:
        where: What to call it, e.g. ``"collector:4318"``.
        host: Its host, without brackets.
        has_secrets: Whether headers go with each request.
    """
    if is_local(host):
        return
    what = "telemetry and the headers with it, credentials too," if has_secrets else "telemetry"
    diagnostics.warn_once(
        f"clear text:{where}",
        "%s goes to %s without encryption; use https:// unless the network is trusted",
        what,
        where,
    )


def is_local(host: str) -> bool:
    """Return whether what is sent to *host* stays on this machine.

    >>> is_local("localhost"), is_local("127.0.0.2"), is_local("::1"), is_local("127.example.org")
    (True, True, True, False)
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = name.removeprefix("::ffff:")
    is_number = address.replace(".", "").isdigit()
    return name in {"::1", "0.0.0.0", "::"} or (is_number and address.startswith("127."))  # noqa: S104
