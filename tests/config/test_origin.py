from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from pepperpy_obs.config import Config
from pepperpy_obs.errors import ConfigError


class TestNames:
    def test_an_unknown_keyword(self) -> None:
        """An unknown keyword is refused with the closest match and all accepted names."""
        with pytest.raises(ConfigError) as caught:
            Config(metrics_prot=9000)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

        accepted = ", ".join(sorted(Config.model_fields))
        assert str(caught.value) == (
            f"unknown keyword 'metrics_prot'; did you mean 'metrics_port'? accepted are: {accepted}"
        )

    def test_an_unknown_key_in_the_file(self, tmp_path: Path) -> None:
        """So is an unknown key of the file, which is named."""
        path = tmp_path / "settings.toml"
        path.write_text("log-level = 'info'\n")

        with pytest.raises(ConfigError, match=r"key in '.*settings.toml': 'log-level'; did you mean 'log_level'"):
            Config(config_file=path)

    @pytest.mark.parametrize("name", ["METRIC_PORT", "LOGLEVEL", "OBS_METRICS_PORT", "REDACT_KEY"])
    def test_a_variable_that_is_nearly_right(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A misspelt variable is refused, for nobody would notice that it is not read."""
        monkeypatch.setenv(f"PEPPERPY_{name}", "1")

        with pytest.raises(ConfigError, match=f"variable 'PEPPERPY_{name}'; did you mean 'PEPPERPY_"):
            Config()

    @pytest.mark.parametrize("name", ["SERVICE_HOST", "SERVICE_PORT", "PORT", "PORT_80_TCP_ADDR", "OPENAI_API_KEY"])
    def test_a_variable_of_somebody_else(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Variables that only share the prefix, as Kubernetes sets them, are left alone."""
        monkeypatch.setenv(f"PEPPERPY_{name}", "tcp://10.0.0.1:80")

        assert Config() == Config(config_file=None)


class TestFile:
    @pytest.mark.parametrize(
        "content, reason",
        [
            (None, "does not exist"),
            (b"a = ", "cannot be read as TOML"),
            (b"service = '\xff'", "cannot be read as TOML"),
        ],
    )
    def test_unreadable(
        self, content: bytes | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A named file that is not there or no TOML is an error that says who named it."""
        path = tmp_path / "settings.toml"
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setenv("PEPPERPY_CONFIG", str(path))

        with pytest.raises(ConfigError, match=f"environment variable PEPPERPY_CONFIG: settings file '{path}' {reason}"):
            Config()

    def test_a_directory(self, tmp_path: Path) -> None:
        """A directory is no settings file."""
        with pytest.raises(ConfigError, match="cannot be read as TOML"):
            Config(config_file=tmp_path)


def test_the_example_says_every_setting_and_its_default() -> None:
    """config/pepperpy_obs.example.toml holds every key under its description, and amounts to the defaults."""
    path = Path(__file__).parents[2] / "config/pepperpy_obs.example.toml"
    lines = path.read_text().splitlines()
    described = {line.split(" = ")[0]: above for above, line in pairwise(lines) if " = " in line}

    config = Config(config_file=path)

    assert {name: f"# {field.description}" for name, field in Config.model_fields.items() if name != "config_file"} == (
        described
    )
    assert config.model_dump(exclude={"config_file"}) == Config().model_dump(exclude={"config_file"})
    assert set(config.sources().values()) == {f"file {path}", "keyword"}
