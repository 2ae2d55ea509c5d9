from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from pepperpy_obs.config import Config
from pepperpy_obs.errors import ConfigError


class TestLayers:
    def test_the_contract_of_the_document(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The customer's keywords and variables mean what the document says."""
        keywords = Config(metrics_enabled=True, metrics_interval=60, metrics_export="prometheus")
        for name, value in {"ENABLED": "true", "INTERVAL": "60", "EXPORT": "prometheus", "PORT": "8000"}.items():
            monkeypatch.setenv(f"PEPPERPY_METRICS_{name}", value)

        assert keywords == Config() == Config(metrics_port=8000)

    def test_keyword_over_environment_over_file_over_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each layer wins over those below it, and `sources` tells which one gave a setting."""
        (tmp_path / "config").mkdir()
        (tmp_path / "config/pepperpy_obs.toml").write_text('service = "f"\nenvironment = "f"\nlog_backups = 7\n')
        monkeypatch.setenv("PEPPERPY_SERVICE", "e")
        monkeypatch.setenv("PEPPERPY_ENVIRONMENT", "e")

        config = Config(service="k")

        assert (config.service, config.environment, config.log_backups, config.metrics_port) == ("k", "e", 7, 8000)
        assert {name: config.sources()[name] for name in ("service", "environment", "log_backups", "metrics_port")} == {
            "service": "keyword",
            "environment": "environment variable PEPPERPY_ENVIRONMENT",
            "log_backups": "file config/pepperpy_obs.toml",
            "metrics_port": "default",
        }

    @pytest.mark.parametrize("how", ["keyword", "PEPPERPY_CONFIG", "PEPPERPY_CONFIG_FILE"])
    def test_a_named_file(self, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file named by keyword or variable is read in place of the default one, and is part of the result."""
        path = tmp_path / "other.toml"
        path.write_text("log_backups = 7\n")
        if how == "keyword":
            config = Config(config_file=path)
        else:
            monkeypatch.setenv(how, str(path))
            config = Config()

        assert (config.config_file, config.log_backups) == (path, 7)
        assert config.sources()["config_file"] == (how if how == "keyword" else f"environment variable {how}")

    def test_no_file_on_request(self, tmp_path: Path) -> None:
        """`config_file=None` leaves even the default file unread."""
        (tmp_path / "config").mkdir()
        (tmp_path / "config/pepperpy_obs.toml").write_text("log_backups = 7\n")

        assert Config(config_file=None).log_backups == 5

    def test_an_empty_variable_is_absent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An empty variable gives nothing, as if it were not set."""
        monkeypatch.setenv("PEPPERPY_METRICS_PORT", "")

        assert Config().sources()["metrics_port"] == "default"

    def test_equal_wherever_it_came_from(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Equal settings are equal, hash alike, and survive pickling with their sources."""
        monkeypatch.setenv("PEPPERPY_SERVICE", "billing")
        config = Config()
        copy = pickle.loads(pickle.dumps(config))

        assert config == Config(service="billing") == copy
        assert hash(config) == hash(Config(service="billing"))
        assert copy.sources() == config.sources()

    def test_frozen(self) -> None:
        """A setting cannot be changed afterwards."""
        with pytest.raises(ValidationError, match="frozen"):
            Config().metrics_port = 1


class TestValues:
    @pytest.mark.parametrize(
        "name, text, value",
        [
            ("log_level", "WARNING", "warning"),
            ("log_format", "ECS", "ecs"),
            ("metrics_enabled", "off", False),
            ("redact_keys", "ssn, card_number,", ("ssn", "card_number")),
            ("health_max_error_rate", "none", None),
            ("health_max_p95_seconds", "2.5", 2.5),
            ("price_file", "off", None),
            ("log_max_bytes", "10MB", 10_000_000),
            ("log_file", "~/x.log", Path.home() / "x.log"),
            ("loki_url", "off", None),
            ("loki_labels", "team=a,tier=b", ("team=a", "tier=b")),
            ("ship_max_bytes", "1GiB", 1024**3),
            ("elastic_ca_file", "~/ca.pem", Path.home() / "ca.pem"),
            ("otlp_api_key", "abc", SecretStr("abc")),
            ("logstash_headers", "X-A: 1, X-B: 2", (SecretStr("X-A: 1"), SecretStr("X-B: 2"))),
        ],
    )
    def test_as_people_write_them(
        self, name: str, text: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What a shell or a file can spell means the same in a keyword, a variable and a file."""
        path = tmp_path / "settings.toml"
        path.write_text(f'{name} = "{text}"\n')
        keywords: dict[str, Any] = {name: text}
        by_keyword, by_file = Config(**keywords), Config(config_file=path)
        monkeypatch.setenv(f"PEPPERPY_{name.upper()}", text)

        assert [getattr(config, name) for config in (by_keyword, by_file, Config())] == [value] * 3

    def test_lists_in_a_file(self, tmp_path: Path) -> None:
        """A file may give a list as a list."""
        path = tmp_path / "settings.toml"
        path.write_text('redact_keys = ["ssn"]\n')

        assert Config(config_file=path).redact_keys == ("ssn",)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"metrics_port": 65536},
            {"metrics_port": -1},
            {"metrics_port": True},
            {"metrics_interval": 0},
            {"metrics_interval": float("nan")},
            {"shutdown_timeout": float("inf")},
            {"shutdown_timeout": -1},
            {"drain_interval": 0},
            {"log_sample_rate": 1.5},
            {"log_format": "xml"},
            {"log_level": "loud"},
            {"log_max_bytes": -1},
            {"log_max_bytes": "many"},
            {"log_backups": 0},
            {"max_series": 0},
            {"redact_keys": [1]},
            {"metrics_enabled": "perhaps"},
            {"health_max_error_rate": 2},
            {"config_file": 3},
            {"price_file": 3},
            {"loki_url": "loki:3100"},
            {"loki_url": "http://"},
            {"elastic_url": "https://host?"},
            {"ship_max_bytes": 1000},
            {"ship_fsync": "sometimes"},
            {"otlp_gzip": "perhaps"},
        ],
    )
    def test_wrong_ones_name_themselves(self, wrong: dict[str, Any]) -> None:
        """A wrong value raises an error that names the setting, its origin and what was given."""
        with pytest.raises(ConfigError) as caught:
            Config(**wrong)

        ((name, value),) = wrong.items()
        shown = repr(value[0] if isinstance(value, list) else value)
        assert str(caught.value).startswith(f"keyword: {name} was given as {shown}; it ")
        assert len(str(caught.value).splitlines()) == 1


class TestComplaints:
    def test_a_wrong_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error says which variable was wrong, how, and what the setting is."""
        monkeypatch.setenv("PEPPERPY_METRICS_PORT", "eighty")

        with pytest.raises(ConfigError) as caught:
            Config()

        assert str(caught.value) == (
            "environment variable PEPPERPY_METRICS_PORT: metrics_port was given as 'eighty'; it should be a valid "
            "integer, unable to parse string as an integer (port of the metrics server, 0 to 65535; 0 takes a free one)"
        )

    def test_all_at_once(self, tmp_path: Path) -> None:
        """Every wrong setting gets its line, not only the first."""
        path = tmp_path / "settings.toml"
        path.write_text("max_series = 0\n")

        with pytest.raises(ConfigError) as caught:
            Config(config_file=path, log_level="loud")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        assert [line.split("; ")[0] for line in str(caught.value).splitlines()] == [
            f"file {path}: max_series was given as 0",
            "keyword: log_level was given as 'loud'",
        ]

    def test_secrets_are_not_repeated(self, tmp_path: Path) -> None:
        """Neither an error nor the repr shows a secret, whether its name, its type or a URL says that it is one."""

        class Later(Config):
            other_url: int = 0
            other_token: int = 0
            pass_phrase: SecretStr = SecretStr("")

        with pytest.raises(ConfigError) as caught:
            Later(other_url="http://me:hunter2@host", other_token="hunter2", pass_phrase=["hunter2"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        assert len(str(caught.value).splitlines()) == 3
        assert "hunter2" not in str(caught.value)
        assert "hunter2" not in repr(Later(pass_phrase=SecretStr("hunter2")))

    @pytest.mark.parametrize(
        "name, text",
        [
            ("loki_url", "http://me:hunter2@host"),
            ("loki_url", "http://host?token=hunter2"),
            ("loki_headers", "hunter2"),
            ("elastic_password", ["hunter2"]),
            ("otlp_api_key", True),
        ],
    )
    def test_secrets_of_shipping_are_not_repeated(self, name: str, text: object) -> None:
        """Credentials in a URL, headers that are none, and secrets of a wrong type are refused without being shown."""
        with pytest.raises(ConfigError, match=f"^keyword: {name} was given as ") as caught:
            Config(**{name: text})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        assert "hunter2" not in str(caught.value)

    def test_secrets_are_shown_nowhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither the repr nor the dump that the verb `config` prints holds a password, a key or a header."""
        for kind in ("LOKI", "ELASTIC", "LOGSTASH", "OTLP"):
            for name in ("PASSWORD", "BEARER_TOKEN", "API_KEY", "HEADERS"):
                monkeypatch.setenv(f"PEPPERPY_{kind}_{name}", "X-Token: hunter2")

        assert "hunter2" not in repr(Config()) + Config().model_dump_json()
        assert Config().loki_password.get_secret_value() == "X-Token: hunter2"

    def test_long_values_are_cut(self) -> None:
        """An error does not repeat a megabyte."""
        with pytest.raises(ConfigError) as caught:
            Config(metrics_port="9" * 1_000_000)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["customer, plan", '["customer", "plan"]', "customer,plan,"])
def test_a_list_in_a_variable(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names with commas between them, or the JSON that other settings libraries read."""
    monkeypatch.setenv("PEPPERPY_COST_ATTRIBUTES", text)
    assert Config(config_file=None).cost_attributes == ("customer", "plan")


def test_json_that_is_no_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable and what was given."""
    monkeypatch.setenv("PEPPERPY_COST_ATTRIBUTES", '["customer"')
    with pytest.raises(ConfigError, match=r"PEPPERPY_COST_ATTRIBUTES: cost_attributes was given as '\[\"customer\"'"):
        Config(config_file=None)
