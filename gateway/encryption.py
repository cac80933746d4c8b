"""What is kept at rest is sealed with AES-256-GCM: raw bodies and the sources' secrets.

A key of the operator's is never used for the bytes themselves. Each process draws a random salt, derives a key of its own
from it (HKDF-SHA256, RFC 5869) and counts its nonces, so no pair of key and nonce comes twice however many processes seal
how much. What is sealed is bound to where it stands: moved to another record, it does not open.

Sealed: salt (16 bytes) · nonce (12) · ciphertext · tag (16). Beside it stands the id of the operator's key.
"""

import asyncio
import base64
import binascii
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from structlog import get_logger

from gateway.clock import pause
from gateway.errors import CannotDecrypt, CannotStart
from gateway.settings import Settings

log = get_logger(__name__)

KEY_BYTES: Final = 32
KEY_FILE: Final = "encryption.key"
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = _SALT_BYTES + _NONCE_BYTES
_DERIVED_MAX: Final = 1_024
"""Derived keys remembered: one for each process that ever sealed something still being read."""
REFRESH_S: Final = 2.0
"""After which every running process seals with a key that was added."""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A key of the operator's. `id` is public: it says which key opens a record, and nothing about the key."""

    id: str
    key: bytes = field(repr=False)

    @classmethod
    def read(cls, text: str) -> "EncryptionKey":
        """Raises `ValueError` for what is not base64 of 32 bytes."""
        try:
            key = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("is not base64") from None
        if len(key) != KEY_BYTES:
            raise ValueError(f"is {len(key)} bytes, {KEY_BYTES} are needed")
        return cls(hashlib.sha256(b"auto-pay encryption key id" + key).hexdigest()[:12], key)


def new_key_text() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


class Cipher:
    """Seals with the first key, opens with any. `read_keys` is asked again by `refresh`, so a key can be added meanwhile."""

    def __init__(self, read_keys: Callable[[], tuple[EncryptionKey, ...]]) -> None:
        self._read_keys = read_keys
        self._keys: dict[str, EncryptionKey] = {}
        self.key_id = ""
        self.refresh()

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Every key that opens, the sealing one first."""
        return tuple(self._keys)

    def refresh(self) -> None:
        """Take up keys that were added since. Raises `CannotStart` for keys that cannot be read."""
        keys = self._read_keys()
        self._keys = {key.id: key for key in keys}
        if keys[0].id != self.key_id:
            self.key_id = keys[0].id
            self._salt = secrets.token_bytes(_SALT_BYTES)
            self._own = _derive(keys[0], self._salt)
            self._sealed = 0

    def seal(self, plain: bytes, bound_to: str) -> bytes:
        """To be stored with `key_id` beside it. `bound_to` names the record; the same name is needed to open."""
        self._sealed += 1
        nonce = self._sealed.to_bytes(_NONCE_BYTES, "big")
        return self._salt + nonce + self._own.encrypt(nonce, plain, bound_to.encode())

    def open(self, sealed: bytes, key_id: str, bound_to: str) -> bytes:
        """Raises `CannotDecrypt`: the key is missing, or the bytes are not what was sealed for this record."""
        if key_id not in self._keys:
            with suppress(CannotStart, OSError):  # then it is missing
                self.refresh()
        key = self._keys.get(key_id)
        if key is None:
            raise CannotDecrypt(
                f"The encryption key {key_id} is missing: put it back behind the others in ENCRYPTION_KEY."
            )
        salt, nonce = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:_HEAD_BYTES]
        try:
            return _derive(key, salt).decrypt(nonce, sealed[_HEAD_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError):
            raise CannotDecrypt("What is stored is not what was sealed for this record.") from None


def open_cipher(settings: Settings) -> Cipher:
    """With the keys of ENCRYPTION_KEY, or of a file under the data directory that is made once. Raises `CannotStart`."""
    given = settings.encryption_key.get_secret_value()
    if given:
        keys = _read(given.split(","), "ENCRYPTION_KEY")
        return Cipher(lambda: keys)
    file = settings.data_dir / KEY_FILE
    _make_once(file)
    return Cipher(lambda: _read(file.read_text().splitlines(), str(file)))


def add_key(settings: Settings) -> str:
    """Put a new key before the others in the key file, from now on the sealing one; its id.

    Raises `CannotStart` when the keys come from the environment, where only the operator can add one.
    """
    if settings.encryption_key.get_secret_value():
        raise CannotStart(
            "ENCRYPTION_KEY is set: put a new key before the old one there, separated by a comma, and restart."
        )
    file = settings.data_dir / KEY_FILE
    _make_once(file)
    text = new_key_text()
    beside = file.with_suffix(".new")
    with _alone(file.parent):
        _write(beside, f"{text}\n{file.read_text()}")
        beside.replace(file)
    return EncryptionKey.read(text).id


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: of two that add a key the second would put back a file without the first one's, and what is sealed
    with that could never be opened again."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


async def keep_fresh(cipher: Cipher, stop: asyncio.Event) -> None:
    """Until `stop`: take up keys that are added. While they cannot be read, those that were read before stay in use."""
    while not stop.is_set():
        await pause(stop, REFRESH_S)
        try:
            cipher.refresh()
        except (CannotStart, OSError) as unreadable:
            log.warning("encryption_keys_not_read", error=type(unreadable).__name__)


def _read(texts: list[str], where: str) -> tuple[EncryptionKey, ...]:
    keys: list[EncryptionKey] = []
    for position, text in enumerate((text for text in texts if text.strip()), start=1):
        try:
            keys.append(EncryptionKey.read(text))
        except ValueError as wrong:
            raise CannotStart(
                f"{where}: key {position} {wrong}; make one with: "
                "python3 -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())'."
            ) from None
    if not keys:
        raise CannotStart(f"{where} holds no key; what is stored cannot be opened without it.")
    return tuple(keys)


def _make_once(file: Path) -> None:
    """Whole or not at all, though several processes start at once."""
    if file.exists():
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mine = file.with_suffix(f".{secrets.token_hex(4)}")
    _write(mine, f"{new_key_text()}\n")
    with suppress(FileExistsError):
        os.link(mine, file)
    mine.unlink()


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


@lru_cache(_DERIVED_MAX)
def _derive(key: EncryptionKey, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(hashes.SHA256(), KEY_BYTES, salt, b"auto-pay at rest 1").derive(key.key))
