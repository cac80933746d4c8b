"""What is sealed opens with the right key for the right record, and for nothing else."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.encryption import KEY_FILE, Cipher, EncryptionKey, add_key, new_key_text, open_cipher
from gateway.errors import CannotDecrypt, CannotStart
from gateway.settings import Settings


def settings(data_dir: Path, keys: str = "") -> Settings:
    return Settings(_env_file=None, data_dir=data_dir, encryption_key=keys)


def test_what_is_sealed_opens_for_its_record_alone(tmp_path: Path) -> None:
    cipher = open_cipher(settings(tmp_path, new_key_text()))
    sealed = cipher.seal(b"4111 1111", "evt_1")
    assert b"4111" not in sealed
    assert cipher.open(sealed, cipher.key_id, "evt_1") == b"4111 1111"
    with pytest.raises(CannotDecrypt, match="not what was sealed"):
        cipher.open(sealed, cipher.key_id, "evt_2")


@pytest.mark.parametrize("index", [0, 16, 28, -1])
def test_an_altered_byte_does_not_open(tmp_path: Path, index: int) -> None:
    cipher = open_cipher(settings(tmp_path, new_key_text()))
    sealed = bytearray(cipher.seal(b"body", "evt_1"))
    sealed[index] ^= 1
    with pytest.raises(CannotDecrypt):
        cipher.open(bytes(sealed), cipher.key_id, "evt_1")


@pytest.mark.parametrize("length", [0, 10, 28, 43])
def test_a_torn_record_does_not_open(tmp_path: Path, length: int) -> None:
    cipher = open_cipher(settings(tmp_path, new_key_text()))
    with pytest.raises(CannotDecrypt):
        cipher.open(cipher.seal(b"", "evt_1")[:length], cipher.key_id, "evt_1")


def test_the_same_bytes_are_never_sealed_alike() -> None:
    key = EncryptionKey.read(new_key_text())
    ciphers = [Cipher(lambda: (key,)) for _ in range(3)]
    sealed = [cipher.seal(b"same", "evt_1") for cipher in ciphers for _ in range(100)]
    assert len({each[:28] for each in sealed}) == 300
    assert len({each[28:] for each in sealed}) == 300


def test_an_old_key_still_opens_and_the_first_one_seals(tmp_path: Path) -> None:
    old, new = new_key_text(), new_key_text()
    before = open_cipher(settings(tmp_path, old))
    sealed = before.seal(b"body", "evt_1")
    after = open_cipher(settings(tmp_path, f"{new},{old}"))
    assert after.key_id == EncryptionKey.read(new).id != before.key_id
    assert after.open(sealed, before.key_id, "evt_1") == b"body"
    without = open_cipher(settings(tmp_path, new))
    with pytest.raises(CannotDecrypt, match=f"{before.key_id} is missing"):
        without.open(sealed, before.key_id, "evt_1")


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        ids = set(pool.map(lambda _: open_cipher(settings(tmp_path / "data")).key_id, range(64)))
    assert len(ids) == 1
    assert stat.S_IMODE((tmp_path / "data" / KEY_FILE).stat().st_mode) == 0o600
    assert [file.name for file in (tmp_path / "data").iterdir()] == [KEY_FILE]


def test_a_key_added_to_the_file_is_taken_up_by_a_running_process(tmp_path: Path) -> None:
    reader = open_cipher(settings(tmp_path))
    old = reader.key_id
    sealed = reader.seal(b"before", "evt_1")
    new = add_key(settings(tmp_path))
    elsewhere = open_cipher(settings(tmp_path))
    assert (elsewhere.key_id, elsewhere.key_ids) == (new, (new, old))
    assert reader.open(elsewhere.seal(b"after", "evt_2"), new, "evt_2") == b"after"
    assert reader.key_id == new
    assert reader.open(sealed, old, "evt_1") == b"before"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("short", "is not base64"),
        ("c2hvcnQ=", "is 5 bytes, 32 are needed"),
        (f"{new_key_text()},x", "key 2 is not"),
        (",", "no key"),
    ],
    ids=["no base64", "too short", "the second one", "none"],
)
def test_an_unusable_key_stops_the_start_without_showing_it(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(CannotStart, match=problem) as refused:
        open_cipher(settings(tmp_path, text))
    assert text == "," or text.split(",")[-1] not in str(refused.value).replace("base64", "")


def test_a_key_is_not_added_to_the_environment(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="ENCRYPTION_KEY is set"):
        add_key(settings(tmp_path, new_key_text()))


def test_no_repr_shows_a_key() -> None:
    text = new_key_text()
    key = EncryptionKey.read(text)
    assert text not in repr(key)
    assert repr(key.key) not in repr(key)


def test_keys_that_are_added_at_the_same_moment_are_all_there(tmp_path: Path) -> None:
    """Each is announced, and something is sealed with it."""
    with ThreadPoolExecutor(8) as threads:
        added = set(threads.map(lambda _: add_key(settings(tmp_path)), range(40)))
    stored = {EncryptionKey.read(line).id for line in (tmp_path / KEY_FILE).read_text().splitlines()}
    assert len(added) == 40
    assert added <= stored
