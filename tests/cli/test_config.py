from __future__ import annotations

import json

from pepperpy_obs.config import Config
from tests.cli.command import CommandLine


def test_every_setting_is_shown_with_where_it_comes_from(cli: CommandLine) -> None:
    """The file, a variable and the defaults each have theirs named."""
    settings = cli.folder / "config" / "pepperpy_obs.toml"
    settings.parent.mkdir()
    settings.write_text('service = "billing"\nmetrics_port = 9000\n')
    shown = json.loads(cli("config", "--json", variables={"PEPPERPY_METRICS_PORT": "9100"}).stdout)
    assert shown.keys() == Config.model_fields.keys()
    assert shown["service"] == {"value": "billing", "from": "file config/pepperpy_obs.toml"}
    assert shown["metrics_port"] == {"value": 9100, "from": "environment variable PEPPERPY_METRICS_PORT"}
    assert shown["log_file"] == {"value": None, "from": "default"}


def test_values_are_shown_as_one_would_write_them(cli: CommandLine) -> None:
    """What the table shows may be put into the environment as it stands; --changed leaves the defaults out."""
    given = {"PEPPERPY_REDACT_KEYS": "ssn,iban", "PEPPERPY_METRICS_ENABLED": "false", "PEPPERPY_LOG_FILE": "none"}
    shown = cli("config", "--changed", variables=given).stdout.splitlines()
    assert [line.split(maxsplit=2) for line in shown] == [
        ["setting", "value", "from"],
        ["metrics_enabled", "false", "environment variable PEPPERPY_METRICS_ENABLED"],
        ["log_file", "none", "environment variable PEPPERPY_LOG_FILE"],
        ["redact_keys", "ssn,iban", "environment variable PEPPERPY_REDACT_KEYS"],
    ]
