"""Encryption of what lies on disk, with a key that the user keeps in the environment.

Source:
    NIST SP 800-38D: AES-GCM with random 96-bit nonces. The key has the form that
    ``cryptography.fernet.Fernet.generate_key()`` gives: 32 bytes in URL-safe base64.
"""

import os
from typing import Any

from testpilot_obs.errors import MissingExtraError

_NONCE_BYTES = 12


class Cipher:
    """Encrypts payloads with a key of 32 bytes.

    Raises:
        MissingExtraError: If the package ``cryptography`` is not installed.
    """

    def __init__(self, key: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise MissingExtraError(
                "encryption of the spool", package="cryptography", extra="encryption"
            ) from error
        self._aead: Any = AESGCM(key)

    def seal(self, payload: bytes) -> bytes:
        """Return *payload* encrypted: nonce, then text and tag."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed: bytes = self._aead.encrypt(nonce, payload, None)
        return nonce + sealed

    def unseal(self, sealed: bytes) -> bytes | None:
        """Return what was encrypted, None if it was with another key."""
        from cryptography.exceptions import InvalidTag

        try:
            payload: bytes = self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            return None
        return payload
