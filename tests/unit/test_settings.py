"""Settings: where they come from, which one wins, and what a person reads who made a mistake."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from conf.settings import ConfigError, Settings, load

Load = Callable[..., Settings]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "byname.toml"


@pytest.fixture
def load_text(file: Path) -> Load:
    """Load the settings from the text of a file, with nothing in the environment."""

    def load_it(text: str, environ: Mapping[str, str] | None = None) -> Settings:
        file.write_text(text)
        return load(file, environ or {})

    return load_it


def problems(loading: Callable[[], Settings]) -> list[str]:
    """The lines of the error that loading must end in."""
    with pytest.raises(ConfigError) as caught:
        loading()
    assert str(caught.value) == "\n".join(str(problem) for problem in caught.value.problems)
    return str(caught.value).splitlines()


# --- where values come from ---------------------------------------------------------------------------------------


def test_nothing_configured_gives_the_defaults(load_text: Load) -> None:
    settings = load_text("")
    assert settings == Settings()
    assert settings.store.url == "sqlite:////var/lib/byname/byname.db"
    assert (settings.cache.grace, settings.cache.sender_grace) == (900, 300)
    assert settings.milter.inbound == "unix:/run/byname/inbound.sock"
    assert settings.routing.system_addresses == ("postmaster", "abuse", "hostmaster", "mailer-daemon")
    assert settings.shown(changed_only=True) == {}


def test_the_default_file_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conf.settings.DEFAULT_FILE", tmp_path / "none" / "byname.toml")
    assert load(environ={}) == Settings()


def test_the_default_file_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[cache]\ngrace = 7\n")
    monkeypatch.setattr("conf.settings.DEFAULT_FILE", file)
    assert load(environ={}).cache.grace == 7


def test_the_environment_is_the_process_s_own_unless_given(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("")
    monkeypatch.setenv("BYNAME_CACHE__GRACE", "9")
    assert load(file).cache.grace == 9
    assert load(file, {}).cache.grace == 900


def test_later_sources_win(file: Path, load_text: Load) -> None:
    folder = file.parent / "conf.d"
    folder.mkdir()
    (folder / "20-late.toml").write_text("[cache]\ngrace = 20\nsender_grace = 20\n")
    (folder / "10-early.toml").write_text("[cache]\ngrace = 10\n[log]\nformat = 'json'\n")
    (folder / ".hidden.toml").write_text("broken")
    (folder / "notes.txt").write_text("broken")
    settings = load_text(
        "[cache]\ngrace = 1\nsender_grace = 1\n[api]\nrate = 1\n", {"BYNAME_CACHE__SENDER_GRACE": "30"}
    )
    assert (settings.cache.grace, settings.cache.sender_grace) == (20, 30)
    assert (settings.log.format, settings.api.rate) == ("json", 1)


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("BYNAME_STORE__URL", "postgresql://byname@/byname", "store.url", "postgresql://byname@/byname"),
        ("BYNAME_CACHE__GRACE", "0", "cache.grace", 0),
        ("BYNAME_CACHE__URL", "", "cache.url", None),
        ("BYNAME_DNS__NAMESERVERS", "192.0.2.1, 2001:db8::1", "dns.nameservers", ("192.0.2.1", "2001:db8::1")),
        ("BYNAME_DNS__MX_HOSTS", "", "dns.mx_hosts", ()),
        ("BYNAME_ROUTING__RECIPIENT_DELIMITER", "", "routing.recipient_delimiter", ""),
        ("BYNAME_ROUTING__SYSTEM_ADDRESSES", "postmaster,noc", "routing.system_addresses", ("postmaster", "noc")),
        ("BYNAME_API__TOKEN_PREFIXES", "a_,b_,c_", "api.token_prefixes", ("a_", "b_", "c_")),
    ],
)
def test_environment_text_gets_the_type_of_its_setting(
    load_text: Load, variable: str, text: str, name: str, value: object
) -> None:
    assert load_text("", {variable: text}).value(name) == value


def test_an_empty_text_takes_an_optional_setting_back(file: Path, load_text: Load) -> None:
    (file.parent / "conf.d").mkdir()
    (file.parent / "conf.d" / "off.toml").write_text("[cache]\nurl = ''\n")
    assert load_text("[cache]\nurl = 'redis://localhost'\n").cache.url is None


def test_foreign_variables_are_left_alone(load_text: Load) -> None:
    assert load_text("", {"BYNAME_HOME": "/x", "BYNAME": "1", "byname_cache__grace": "x", "PATH": ""}) == Settings()


# --- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # key and section
        ("[milter]\ninbond = 'x'", "milter.inbond: unknown key; did you mean milter.inbound?"),
        ("[milter]\ngrace = 1", "milter.grace: unknown key; did you mean cache.grace?"),
        ("[store]\nzzz = 1", "store.zzz: unknown key"),
        ("[api]\nlisten_file = '/x'", "api.listen_file: unknown key; did you mean api.listen?"),
        ("[rooting]", "[rooting]: unknown section; did you mean [routing]?"),
        ("[qqqq]\na = 1", "[qqqq]: unknown section"),
        ("grace = 3", "grace: must stand below the [section] it belongs to; did you mean cache.grace?"),
        ("listen = 'x'", "listen: must stand below the [section] it belongs to"),
        ("store = 'x'", "store: must stand below the [section] it belongs to"),
        # type
        ("[cache]\ngrace = '900'", "cache.grace: must be a whole number, not '900'"),
        ("[cache]\ngrace = 1.5", "cache.grace: must be a whole number, not 1.5"),
        ("[cache]\ngrace = true", "cache.grace: must be a whole number, not True"),
        ("[log]\nformat = 1", "log.format: must be 'text' or 'json', not 1"),
        ("[maps]\nlisten = 1", "maps.listen: must be text in quotes, not 1"),
        ("[dns]\nmx_hosts = 'mx.example.com'", "dns.mx_hosts: must be a list, not 'mx.example.com'"),
        ("[dns]\nmx_hosts = [1]", "dns.mx_hosts: item 1 must be text in quotes, not 1"),
        ("[cache.grace]\nx = 1", "cache.grace: must be a whole number, not {'x': 1}"),
        # value
        ("[cache]\ngrace = -1", "cache.grace: must be greater than or equal to 0, not -1"),
        ("[api]\nrate = 0", "api.rate: must be greater than or equal to 1, not 0"),
        ("[api]\nbase_url = 'names'", "api.base_url: must start with https:// or http://, not 'names'"),
        ("[api]\nlisten = '8080'", "api.listen: must be host:port, not '8080'"),
        (
            "[api]\ntoken_prefixes = ['a', 'b', 'a']",
            "api.token_prefixes: must have three different prefixes: account, message, operator, not ['a', 'b', 'a']",
        ),
        ("[milter]\nmode = 'watch'", "milter.mode: must be 'enforce' or 'monitor', not 'watch'"),
        ("[milter]\ninbound = '/run/x'", "milter.inbound: must start with unix: when it is a path, not '/run/x'"),
        ("[routing]\ndelivery = 'lmtp'", "routing.delivery: must be 'milter' or 'agent', not 'lmtp'"),
        (
            "[routing]\nrecipient_delimiter = '+-'",
            "routing.recipient_delimiter: must be one of + - _ = # or empty, not '+-'",
        ),
        (
            "[routing]\nsystem_addresses = ['Postmaster']",
            "routing.system_addresses: must be local parts in lower case, without an @, not ['Postmaster']",
        ),
        (
            "[routing]\nsystem_addresses = ['abuse']",
            "routing.system_addresses: must name postmaster among them (RFC 5321 section 4.5.1), not ['abuse']",
        ),
        ("[routing]\npostmaster = 'admin'", "routing.postmaster: must be an address, local@domain, not 'admin'"),
        ("[senders]\ndefault_domain = 'x@y'", "senders.default_domain: must be a domain name, not 'x@y'"),
        ("[dns]\nnameservers = ['ns1']", "dns.nameservers: item 1 must be an IP address, not 'ns1'"),
        ("[dns]\nnameservers = ['[::1]:0']", "dns.nameservers: item 1 must have a port from 1 to 65535, not '[::1]:0'"),
        ("[dns]\nnameservers = ['ns1.test:53']", "dns.nameservers: item 1 must be an IP address, not 'ns1.test:53'"),
        ("[dns]\ndkim_selector = 'a b'", "dns.dkim_selector: must be a DNS label, not 'a b'"),
        # secrets are not shown
        (
            "[store]\nurl = 'mysql://u:hush@h/d'",
            "store.url: must be sqlite:// and an absolute path (sqlite:////var/lib/byname/byname.db), or postgresql://...",
        ),
        ("[store]\nurl = 7", "store.url: must be text in quotes"),
        (
            "[cache]\nurl = 'hush'",
            "cache.url: must start with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://",
        ),
        ("[trace]\nkey = 'hush'", "trace.key: must have at least 32 characters"),
        # both forms of a secret
        ("[trace]\nkey = 'hush'\nkey_file = '/x'", "trace.key_file: must not be given together with trace.key"),
    ],
)
def test_a_mistake_in_a_file_names_file_key_and_rule(load_text: Load, file: Path, text: str, line: str) -> None:
    found = problems(lambda: load_text(text))
    assert found[0] == f"{file}: {line}"
    assert "hush" not in "".join(found)


@pytest.mark.parametrize(
    ("variable", "text", "line"),
    [
        ("BYNAME_MILTER__INBOND", "x", "BYNAME_MILTER__INBOND: unknown key; did you mean BYNAME_MILTER__INBOUND?"),
        ("BYNAME_MILTR__INBOUND", "x", "BYNAME_MILTR__INBOUND: unknown section; did you mean BYNAME_MILTER__INBOUND?"),
        ("BYNAME_Q__ZZZ", "x", "BYNAME_Q__ZZZ: unknown section"),
        (
            "BYNAME_STORE_URL",
            "x",
            "BYNAME_STORE_URL: needs two underscores between section and key; did you mean BYNAME_STORE__URL?",
        ),
        ("BYNAME_CACHE__GRACE", "soon", "BYNAME_CACHE__GRACE: must be a whole number, not 'soon'"),
        ("BYNAME_LOG__FORMAT", "", "BYNAME_LOG__FORMAT: must be 'text' or 'json', not ''"),
        ("BYNAME_TRACE__KEY", "hush", "BYNAME_TRACE__KEY: must have at least 32 characters"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(load_text: Load, variable: str, text: str, line: str) -> None:
    assert problems(lambda: load_text("", {variable: text})) == [f"environment: {line}"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[log]\nformat = 'text'\n[maps\n", "line 3, column 6: not valid TOML: "),
        (b"[log]\nformat = \n", "line 2, column 10: not valid TOML: "),
        (b"[log]\n[log]\n", "line 2, column 5: not valid TOML: "),
        (b"[log]\nformat = '\xff'\n", "cannot be read: it is not UTF-8 text"),
    ],
)
def test_a_broken_file_is_named_with_the_line(file: Path, content: bytes, line: str) -> None:
    file.write_bytes(content)
    (found,) = problems(lambda: load(file, {}))
    assert found.startswith(f"{file}: {line}")


def test_a_file_that_was_asked_for_must_exist(file: Path) -> None:
    assert problems(lambda: load(file, {})) == [f"{file}: cannot be read: No such file or directory"]


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert problems(lambda: load(tmp_path, {})) == [f"{tmp_path}: cannot be read: Is a directory"]


def test_a_loop_of_links_cannot_be_read(file: Path) -> None:
    file.symlink_to(file)
    (found,) = problems(lambda: load(file, {}))
    assert found.startswith(f"{file}: cannot be read: ")


def test_conf_d_must_be_a_folder_of_files(file: Path, load_text: Load) -> None:
    folder = file.parent / "conf.d"
    folder.write_text("")
    assert problems(lambda: load_text("")) == [f"{folder}: cannot be read: Not a directory"]
    folder.unlink()
    (folder / "x.toml").mkdir(parents=True)
    assert problems(lambda: load_text("")) == [f"{folder / 'x.toml'}: cannot be read: Is a directory"]


def test_all_mistakes_are_told_at_once(file: Path, load_text: Load) -> None:
    folder = file.parent / "conf.d"
    folder.mkdir()
    (folder / "a.toml").write_text("[log\n")
    (folder / "b.toml").write_text("[log]\nformat = 'xml'\n")
    found = problems(
        lambda: load_text("[milter]\ninbond = 1\n[cache]\ngrace = 'x'\n", {"BYNAME_TRACE__KEY_FILE": "/nowhere/key"})
    )
    assert [line.removeprefix(f"{file.parent}/").split(": ")[:2] for line in found] == [
        ["byname.toml", "milter.inbond"],
        ["conf.d/a.toml", "line 1, column 5"],
        ["environment", "BYNAME_TRACE__KEY_FILE"],
        ["byname.toml", "cache.grace"],
        ["conf.d/b.toml", "log.format"],
    ]


def test_a_value_that_is_overridden_is_not_judged(load_text: Load) -> None:
    assert load_text("[cache]\ngrace = 'x'\n", {"BYNAME_CACHE__GRACE": "5"}).cache.grace == 5


def test_two_listeners_cannot_share_an_address(load_text: Load) -> None:
    text = "[milter]\ninbound = 'inet:8891@127.0.0.1'\nsubmission = 'inet:8891@127.0.0.1'\n"
    assert problems(lambda: load_text(text)) == [
        "settings: milter.inbound and milter.submission must not share the address inet:8891@127.0.0.1"
    ]


# --- the object ---------------------------------------------------------------------------------------------------


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.cache.grace = 1
    with pytest.raises(ValidationError):
        settings.cache = settings.cache


@pytest.mark.parametrize(
    ("text", "delivery"),
    [
        ("", "milter"),
        ("[lmtp]\nlisten = 'unix:/run/l'", "agent"),
        ("[lmtp]\nlisten = 'unix:/run/l'\n[routing]\ndelivery = 'milter'", "milter"),
        ("[routing]\ndelivery = 'agent'", "agent"),
    ],
)
def test_delivery_follows_the_lmtp_edge_unless_set(load_text: Load, text: str, delivery: str) -> None:
    assert load_text(text).delivery == delivery
