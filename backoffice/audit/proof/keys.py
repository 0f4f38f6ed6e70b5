"""The keys that sign the proof (Ed25519, RFC 8032): one private key, and every public key that is trusted."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backoffice.errors import ConfigurationError
from backoffice.settings import KEY_BYTES, Settings, key_bytes


@dataclass(frozen=True)
class PublicKey:
    """What checks signatures, as its 32 raw bytes."""

    raw: bytes

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read base64, as `text` writes it; ValueError for anything else."""
        return cls(_decoded(text))

    @property
    def text(self) -> str:
        """The key in base64, for people to keep and compare."""
        return base64.b64encode(self.raw).decode()

    @property
    def key_id(self) -> str:
        """What seals call it: the first 16 hexadecimal digits of its SHA-256."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """The private key: it signs, and shows itself to nobody."""

    def __init__(self, text: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(_decoded(text))
        self.public = PublicKey(self._key.public_key().public_bytes_raw())

    @property
    def key_id(self) -> str:
        return self.public.key_id

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(message)


class KeyRing:
    """The public keys whose word is taken; none of them comes from the database."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self.keys = {key.key_id: key for key in keys}

    def has_signed(self, key_id: str, message: bytes, signature: bytes) -> bool:
        """Whether the key called `key_id` is trusted and signed `message`."""
        key = self.keys.get(key_id)
        return key is not None and key.has_signed(message, signature)


def find_signing_key(settings: Settings) -> SigningKey | None:
    """The key of this deployment; None where none was given, which leaves the history unsealed."""
    text = settings.audit_key.get_secret_value()
    return SigningKey(text) if text else None


def signing_key(settings: Settings) -> SigningKey:
    """The key of this deployment; ConfigurationError where none was given."""
    key = find_signing_key(settings)
    if key is None:
        raise ConfigurationError("Set BACKOFFICE_AUDIT_KEY or BACKOFFICE_AUDIT_KEY_FILE: this signs.")
    return key


def trusted_keys(settings: Settings) -> KeyRing:
    """Our own public key, and those that BACKOFFICE_AUDIT_TRUSTED_KEYS lists."""
    own = find_signing_key(settings)
    listed = [PublicKey.from_text(text) for text in settings.audit_trusted_keys.split(",") if text.strip()]
    return KeyRing([*([own.public] if own is not None else []), *listed])


def _decoded(text: str) -> bytes:
    raw = key_bytes(text)
    if raw is None:
        raise ValueError(f"a key is {KEY_BYTES} bytes in base64")
    return raw
