"""Settings: every mistake is one clear line, and ends the start."""
import os
import subprocess

import pytest

from fixture.service import binary


def run(*args, **env):
    p = subprocess.run(
        [binary(), *args],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert b"Sanitizer" not in p.stderr and b"runtime error" not in p.stderr, p.stderr
    return p.returncode, p.stdout.decode(), p.stderr.decode()


@pytest.mark.parametrize("command", ["serve", "migrate", "check-config"])
def test_each_mistake_is_a_line(command):
    code, _, errors = run(
        command,
        "--http-port",
        "99999",
        GRPC_PORT="nine",
        DB_SSLMODE="perhaps",
        BUSINESS_TIMEZONE="Mars/Olympus",
    )
    lines = errors.strip().splitlines()
    assert code > 0
    for name in ("HTTP_PORT", "GRPC_PORT", "DB_SSLMODE", "BUSINESS_TIMEZONE"):
        assert [line for line in lines if name in line or name.lower().replace("_", "-") in line], (
            name,
            errors,
        )
    assert len(lines) == 4


def test_all_mistakes_are_told_at_once_whoever_finds_them():
    _, _, errors = run(
        "check-config",
        "--no-such-flag",
        "1",
        "--nor-this=2",
        REPORTING_CURRENCY="XXZ",
        LOG_LEVEL="loud",
        WORKERS="30",
        PII_HMAC_OLD_KEYS="nonsense",
    )
    lines = errors.strip().splitlines()
    for name in ("--no-such-flag", "--nor-this", "REPORTING_CURRENCY", "LOG_LEVEL", "WORKERS"):
        assert [line for line in lines if name in line], (name, errors)
    assert len(lines) == 6, errors


def test_check_config_accepts_the_defaults():
    assert run("check-config")[0] == 0


def test_a_flag_wins():
    assert run("check-config", "--grpc-port=9000", GRPC_PORT="9001")[0] == 0
    assert run("check-config", "--grpc-port=none", GRPC_PORT="9001")[0] > 0


def test_secret_from_a_file(tmp_path):
    secret = tmp_path / "key"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    assert run("check-config", PII_HMAC_KEY_FILE=str(secret))[0] == 0
    code, _, errors = run("check-config", PII_HMAC_KEY_FILE=str(tmp_path / "none"))
    assert code > 0 and "PII_HMAC_KEY" in errors


def test_help_names_every_setting():
    code, out, _ = run("help")
    assert code == 0
    assert [
        n
        for n in ("GRPC_PORT", "--http-port", "DB_MAX_OPEN_CONNS", "RETENTION_DAYS", "LOG_LEVEL")
        if n not in out
    ] == []


def test_version():
    code, out, _ = run("version")
    assert code == 0 and out.strip()


@pytest.mark.parametrize("args", [[], ["no-such-command"], ["serve", "--no-such-flag", "1"]])
def test_unknown_words_are_refused(args):
    code, _, errors = run(*args)
    assert code > 0 and errors.strip()
