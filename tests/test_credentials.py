"""Credentials: where they are found, in which order, and that they are shown nowhere."""

from __future__ import annotations

import base64
import copy
import logging
import os
import pickle
import sys
import types
from pathlib import Path

import pytest
from tests.workbench import Bench

from editchain import credentials
from editchain.configuration import read_configuration
from editchain.credentials import Credential, Credentials, Secret, read_env, redacted
from editchain.errors import ConfigurationError

CANARY = "canary-4f1d7c90b2"
WANTED = (("ACME_KEY", "ACME_TOKEN"), ("ACME_SECRET",))


def found(
    tmp_path: Path, environment: dict[str, str] | None = None, named: dict[str, tuple[str, ...]] | None = None
) -> list[tuple[str, str] | None]:
    """Where each credential of a provider is, and what it is."""
    finder = Credentials(environment or {}, tmp_path, named or {})
    return [None if one is None else (one.source, one.secret.reveal()) for one in finder.find("acme", WANTED)]


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """A keyring of this test's own."""
    kept: dict[tuple[str, str], str] = {}
    module = types.ModuleType("keyring")
    module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    module.get_password = lambda service, user: kept.get((service, user))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    return kept


def test_the_environment_comes_before_the_file_and_that_before_the_keyring(
    tmp_path: Path, keyring: dict[tuple[str, str], str]
) -> None:
    assert found(tmp_path) == [None, None]
    keyring["editchain", "ACME_KEY"] = "from keyring"
    assert found(tmp_path) == [("ACME_KEY in the keyring", "from keyring"), None]
    (tmp_path / ".env").write_text("ACME_TOKEN=from file\nACME_SECRET=both\n")
    assert found(tmp_path) == [("ACME_TOKEN in .env", "from file"), ("ACME_SECRET in .env", "both")]
    given = {"ACME_TOKEN": "from outside", "ACME_KEY": ""}
    assert found(tmp_path, given)[0] == ("ACME_TOKEN in the environment", "from outside")


def test_the_configuration_may_say_where_they_are(
    tmp_path: Path, keyring: dict[tuple[str, str], str]
) -> None:
    keyring["work", "me"] = "from keyring"
    named = {"acme": ("env:OTHER", "keyring:work/me")}
    given = {"OTHER": "other", "ACME_KEY": "usual", "ACME_SECRET": "usual"}
    assert found(tmp_path, given, named) == [
        ("OTHER in the environment", "other"),
        ("work/me in the keyring", "from keyring"),
    ]
    (tmp_path / ".env").write_text("OTHER=in the file\n")
    assert found(tmp_path, {"ACME_KEY": "usual"}, named)[0] == ("OTHER in .env", "in the file")


def test_a_keyring_that_does_not_answer_has_nothing(
    tmp_path: Path, keyring: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_service: str, _user: str) -> str:
        raise RuntimeError("locked")

    monkeypatch.setattr(sys.modules["keyring"], "get_password", locked)
    assert found(tmp_path) == [None, None]


def test_a_keyring_that_is_named_and_not_installed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="pip install keyring"):
        found(tmp_path, named={"acme": ("keyring:work/me",)})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=plain", "plain"), ("export A=plain", "plain"), ("A = spaced ", "spaced"), ("A='quoted # no comment'", "quoted # no comment"),
        ('A="double"  # comment', "double"), ("A=before # comment", "before"), ("A=with#inside", "with#inside"),
        ("A=$HOME/${x}", "$HOME/${x}"), ("A=a=b==", "a=b=="), ("\ufeffA=after a mark", "after a mark"), ("# A=no", None),
        ("A", None), ("A: colon", None), ("A=", ""), ("A=crlf\r\nB=2", "crlf"), ("A='open", "'open"), ("A=1\nA=2", "2"),
    ],
)  # fmt: skip
def test_lines_of_an_env_file(tmp_path: Path, text: str, value: str | None) -> None:
    (tmp_path / ".env").write_bytes(text.encode())
    assert read_env(tmp_path / ".env").get("A") == value


def test_a_pipe_in_the_place_of_an_env_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(ConfigurationError, match="not a regular file"):
        read_env(tmp_path / ".env")


@pytest.mark.parametrize("data", [b"A=" + CANARY.encode() + b"\xff", b"A=" + CANARY.encode() * 40_000])
def test_an_env_file_that_cannot_be_read_is_an_error_that_shows_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / ".env").write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"\.env is ") as caught:
        read_env(tmp_path / ".env")
    assert CANARY not in str(caught.value)


def test_an_env_file_is_never_written(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ACME_KEY={CANARY}\n")
    (tmp_path / ".env").chmod(0o400)
    before = (tmp_path / ".env").stat()
    assert found(tmp_path)[0] == ("ACME_KEY in .env", CANARY)
    assert (tmp_path / ".env").stat().st_mtime_ns == before.st_mtime_ns


def test_control_characters_are_refused_unseen(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match="ACME_KEY in the environment holds control characters"
    ) as caught:
        found(tmp_path, {"ACME_KEY": f"{CANARY}\r\nX-Other: 1"})
    assert CANARY not in str(caught.value)


# In editchain.toml


@pytest.mark.parametrize(
    "value", [f'"{CANARY}"', '"env:"', '"env:with space"', '"keyring:only"', "7", '["env:A", 7]', '"ENV:A"']
)
def test_a_credential_in_the_configuration_is_named_never_written(tmp_path: Path, value: str) -> None:
    (tmp_path / "editchain.toml").write_text(f"[providers.acme]\ncredential = {value}\n")
    with pytest.raises(ConfigurationError, match="never the credential") as caught:
        read_configuration(tmp_path)
    assert CANARY not in str(caught.value)


def test_one_or_several_credentials_are_named(tmp_path: Path) -> None:
    text = '[providers.acme]\ncredential = "env:A"\n[providers.other]\ncredential = ["env:A", "keyring:s/u"]\nbase_url = "https://x.example"\n'
    (tmp_path / "editchain.toml").write_text(text)
    read = read_configuration(tmp_path)
    assert read.credentials == {"acme": ("env:A",), "other": ("env:A", "keyring:s/u")}
    assert read.base_urls == {"other": "https://x.example"}


# Shown nowhere


def test_a_secret_shows_as_stars() -> None:
    secret = Secret(CANARY)
    shown = [
        str(secret), repr(secret), f"{secret}", f"{secret!r:>5}", "%s" % secret, repr([secret]),  # noqa: UP031
        repr(Credential("A", "A in .env", secret)),
    ]  # fmt: skip
    assert not any(CANARY in one for one in shown)
    assert shown[0] == "***"
    for act in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            act(secret)


def test_what_was_revealed_is_hidden_in_what_is_shown() -> None:
    text = Secret(CANARY).reveal()
    encoded = base64.b64encode(text.encode()).decode()
    assert redacted(f"bad key {text}, or {encoded}.") == "bad key ***, or ***."
    assert redacted("nothing to hide") == "nothing to hide"


def test_short_words_are_not_hidden() -> None:
    credentials.hide("key")
    assert redacted("a key") == "a key"


def test_logs_of_the_libraries_that_carry_it_do_not_have_it(caplog: pytest.LogCaptureFixture) -> None:
    text = Secret(CANARY).reveal()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpcore.http11").debug("send %r", {"Authorization": text})
        logging.getLogger("mine").debug("%s", "untouched")
    assert CANARY not in caplog.text
    assert [record.getMessage() for record in caplog.records][1] == "untouched"


# In a workspace


RECIPE = "steps: {s: {model: flux-kontext, provider: scenario, image: a.png, prompt: Night}}\n"


@pytest.fixture
def alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A workspace that finds no credential in the environment."""
    for name in (
        "SCENARIO_API_KEY",
        "SCENARIO_API_SECRET",
        "SCENARIO_SDK_API_KEY",
        "SCENARIO_SDK_API_SECRET",
    ):
        monkeypatch.delenv(name, raising=False)
    return bench


def test_a_credential_in_an_env_file_opens_a_route(alone: Bench) -> None:
    file = alone.write(RECIPE)
    assert "set SCENARIO_API_KEY and SCENARIO_API_SECRET for scenario, in the environment or in .env" in str(
        alone.plan(file).problems
    )
    (alone.root / ".env").write_text("SCENARIO_API_KEY=abcdef\nSCENARIO_API_SECRET=ghijkl\n")
    assert alone.plan(file).problems == ()


def test_an_answer_is_not_given_from_before_the_env_file_changed(alone: Bench) -> None:
    file = alone.write(RECIPE)
    assert "needs a credential" in alone.command("plan", str(file))[2]
    assert "needs a credential" in alone.command("plan", str(file))[2]
    (alone.root / ".env").write_text("SCENARIO_API_KEY=abcdef\nSCENARIO_API_SECRET=ghijkl\n")
    assert "needs a credential" not in alone.command("plan", str(file))[2]
