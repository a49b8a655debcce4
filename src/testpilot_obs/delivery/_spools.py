"""Which spool a destination has, by the settings."""

import base64
import os

from testpilot_obs.config import Config, state_folder
from testpilot_obs.delivery import spool
from testpilot_obs.protocols import Signal


def spool_root(config: Config) -> str:
    """Return the folder that all services of this user share, or the one that was named."""
    return config.spool_dir or os.path.join(state_folder(), "spool")  # noqa: PTH118  # pathlib is 5 ms


def open_spool(config: Config, destination: str, signal: Signal) -> spool.Spool | None:
    """Return the spool of *signal* on its way to *destination*; None if it is switched off.

    Raises:
        MissingExtraError: If a key is set and the package that encrypts is not installed.
    """
    if config.spool == "off":
        return None
    key = config.spool_key
    return spool.Spool(
        spool.folder_of(
            spool_root(config), config.service_name, destination=destination, signal=signal
        ),
        signal,
        limits=spool.Limits(config.spool_max_bytes, config.spool_max_age_s),
        cipher=spool.Cipher(base64.urlsafe_b64decode(key)) if key else None,
        is_durable=config.durability == "always",
    )
