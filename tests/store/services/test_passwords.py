"""Password hashes: argon2id, and Dovecot's own program says the same."""

import os
import shutil
import subprocess

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from store.passwords import generate_password, hash_password, verify

pytestmark = pytest.mark.usefixtures("usual_hashes")

PASSWORDS = ["correct horse", "x" * 256, "grün kohl ß 🥬", "'\"$&;|{}", "        "]


def test_the_hash_is_argon2id_with_one_lane() -> None:
    parameters = extract_parameters(hash_password("correct horse"))
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)


@pytest.mark.parametrize("password", PASSWORDS)
def test_verify(password: str) -> None:
    hashed = hash_password(password)
    assert len(hashed) < 256
    assert hashed != hash_password(password), "salted"
    assert verify(password, hashed)
    assert not verify(password + "x", hashed)


@pytest.mark.parametrize("broken", ["", "x", "$argon2id$v=19$m=1", "{ARGON2ID}$argon2id"])
def test_what_is_no_hash_fits_nothing(broken: str) -> None:
    assert not verify("correct horse", broken)


@pytest.mark.skipif(
    shutil.which("doveadm") is None and not os.environ.get("CI"), reason="LEFT OUT: Dovecot is not installed"
)
@pytest.mark.parametrize("password", PASSWORDS)
def test_dovecot_agrees(password: str) -> None:
    stored = "{ARGON2ID}" + hash_password(password)
    for tried, expected in ((password, 0), (password + "x", 1)):
        answer = subprocess.run(["doveadm", "pw", "-t", stored, "-p", tried], capture_output=True, check=False)
        assert bool(answer.returncode) is bool(expected), answer.stderr


def test_generated_passwords() -> None:
    made = {generate_password() for _ in range(200)}
    assert len(made) == 200
    assert {len(password) for password in made} == {20}
    assert not set("".join(made)) & set("0O1lIo")
