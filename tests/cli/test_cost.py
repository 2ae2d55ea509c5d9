from __future__ import annotations

import csv
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.formats.ecs import ecs_lines
from pepperpy_obs.formats.lines import json_lines
from tests.cli.command import CommandLine

TABLE = """
[[price]]
model = "small"
input = 2
output = 4

[[price]]
model = "private"
input = 1
output = 1
"""


def request(day: int, **fields: Any) -> dict[str, Any]:
    """Return the event of a request on a day of November, which costs a dollar."""
    event = {
        "timestamp": f"2026-11-{day:02}T12:00:00.000000Z",
        "event": "operation.finished",
        "operation": "ask",
        "outcome": "ok",
        "duration_seconds": 0.5,
        "provider": "acme",
        "model": "small",
        "input_tokens": 1_000_000,
        "output_tokens": 0,
        "cost_usd": Decimal("1.00"),
        "cost_source": "custom",
        "customer": "initech",
    }
    return {name: value for name, value in {**event, **fields}.items() if value is not None}


EVENTS = [
    request(1),
    request(2, customer="hooli", cost_usd=Decimal("0.50"), input_tokens=250_000),
    request(2, model="private", cost_usd=None, cost_source="unpriced"),
    request(3, model="huge", cost_usd=Decimal(3)),
    request(3, cache="answers", cache_hit=True, cost_usd=Decimal(0), saved_usd=Decimal(7)),
]


@pytest.fixture
def log(tmp_path: Path) -> str:
    """Return a log of five requests."""
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(json_lines(EVENTS)))
    return str(path)


@pytest.fixture
def prices(tmp_path: Path) -> str:
    """Return a price table that has other prices."""
    path = tmp_path / "prices.toml"
    path.write_text(TABLE)
    return str(path)


def test_a_field_that_no_request_has(cli: CommandLine, log: str) -> None:
    """It is named, and the exit code says that the answer may lack something; a field that some have is none."""
    done = cli("cost", log, "--by", "customer", "--by", "zonk")
    assert (done.returncode, done.stderr) == (3, "--by zonk: no request has this field\n")
    done = cli("cost", log, "--by", "customer,zonk", "--json")
    assert (done.returncode, json.loads(done.stdout)["notes"]) == (3, ["--by zonk: no request has this field"])


def test_tables(cli: CommandLine, log: str) -> None:
    """The whole of what is printed: the figures, who spent it, and what has no price; nothing wider than 80 columns."""
    done = cli("cost", log, "--by", "customer", "--by", "day")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "Cost (from 2026-11-01 12:00:00 UTC, 2.0 days)\n"
        "total cost                  $4.50\n"
        "per request                 $1.50\n"
        "priced requests        3 (75.0 %)\n"
        "unpriced requests               1\n"
        "saved by caches    $7.00 (60.9 %)\n"
        "  local cache               $7.00\n"
        "wasted              $0.00 (0.0 %)\n"
        "\n"
        "customer  requests     tokens   cost   share  per request\n"
        "initech          3  3,000,000  $4.00  88.9 %        $2.00\n"
        "hooli            1    250,000  $0.50  11.1 %        $0.50\n"
        "\n"
        "day         requests     tokens   cost   share  per request\n"
        "2026-11-01         1  1,000,000  $1.00  22.2 %        $1.00\n"
        "2026-11-02         2  1,250,000  $0.50  11.1 %        $0.50\n"
        "2026-11-03         1  1,000,000  $3.00  66.7 %        $3.00\n"
        "\n"
        "model without a price  requests\n"
        "private                       1\n"
    )


def test_other_prices(cli: CommandLine, log: str, prices: str) -> None:
    """The whole of a comparison: exact, by model, and what has a price on one side only stands apart."""
    done = cli("cost", log, "--reprice", "--price-file", prices, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (comparison,) = json.loads(done.stdout)["comparisons"]
    priced = {"newly_priced": 0, "newly_priced_cost": "0", "no_longer_priced": 0, "no_longer_priced_cost": "0"}
    newly = {**priced, "newly_priced": 1, "newly_priced_cost": "1"}
    gone = {**priced, "no_longer_priced": 1, "no_longer_priced_cost": "3"}
    assert exact(comparison) == exact(
        {
            "title": f"Repriced with {prices}",
            "note": "",
            "total": {"requests": 4, "recorded": "4.50", "other": "3.5", "difference": "1.00"}
            | {**priced, **newly, "no_longer_priced": 1, "no_longer_priced_cost": "3"},
            "models": {
                "small": {"requests": 2, "recorded": "1.50", "other": "2.5", "difference": "1.00"} | priced,
                "huge": {"requests": 1, "recorded": "3", "other": None, "difference": None} | gone,
                "private": {"requests": 1, "recorded": None, "other": "1", "difference": None} | newly,
            },
        }
    )
    said = cli("cost", log, "--reprice", "--price-file", prices).stdout.split("\n\n\n")[1]
    assert said == (
        f"Repriced with {prices}\n"
        "model    requests  recorded  other  difference\n"
        "small           2     $1.50  $2.50      +$1.00\n"
        "huge            1     $3.00      -           -\n"
        "private         1         -  $1.00           -\n"
        "total           4     $4.50  $3.50      +$1.00\n"
        "requests with a price only there: 1 ($1.00), not in the difference\n"
        "requests without a price there: 1 ($3.00), not in the difference\n"
    )


def exact(value: Any) -> Any:
    """Return JSON with amounts as numbers, for 1.0 is 1.00."""
    if isinstance(value, dict):
        return {name: exact(part) for name, part in value.items()}
    return Decimal(value) if isinstance(value, str) and value.replace(".", "").isdigit() else value


def test_another_model(cli: CommandLine, log: str, prices: str) -> None:
    """What-if says that it is token-equal; the local cache's answer stays free."""
    done = cli("cost", log, "--what-if", "private", "--what-if", "small", "--price-file", prices, "--json")
    private, small = json.loads(done.stdout)["comparisons"]
    assert "token-equal" in private["note"]
    assert [Decimal(one["total"]["other"]) for one in (private, small)] == [Decimal("3.25"), Decimal("6.5")]
    done = cli("cost", log, "--what-if", "nobodys-model", "--price-file", prices)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'nobodys-model' has no price per token; give a model's name" in done.stderr


def test_csv(cli: CommandLine, log: str, prices: str) -> None:
    """Exact amounts; an amount that nobody knows is empty."""
    rows = list(csv.reader(io.StringIO(cli("cost", log, "--csv", "--by", "model").stdout)))
    assert [row[:5] for row in rows] == [
        ["group", "name", "requests", "tokens", "cost"],
        ["total", "", "4", "3250000", "4.50"],
        ["model", "huge", "1", "1000000", "3"],
        ["model", "small", "2", "1250000", "1.50"],
        ["model", "private", "1", "1000000", ""],
    ]
    done = cli("cost", log, "--csv", "--reprice", "--price-file", prices)
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert [row[0] for row in rows] == ["model", "small", "huge", "private", "total"]
    assert rows[3][2] == ""


def test_a_stretch_of_time(cli: CommandLine, log: str) -> None:
    """`--since` is the first that counts, `--until` the first that does not."""
    done = cli("cost", log, "--since", "2026-11-02", "--until", "2026-11-03T12:00", "--json")
    cost = json.loads(done.stdout)["cost"]
    assert (cost["total_cost"], list(cost["cost_by_day"])) == ("0.50", ["2026-11-02"])
    done = cli("cost", log, "--since", "yesterday")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'yesterday' is no day or time; give 2026-11-01" in done.stderr


def test_all_formats(cli: CommandLine, log: str) -> None:
    """ECS, gzip and standard input are read as replay reads them; what is no event is named."""
    (cli.folder / "ecs.log.gz").write_bytes(gzip.compress(b"".join(ecs_lines(EVENTS))))
    piped = b"".join(json_lines(EVENTS[:1])) + b"nonsense\n"
    done = cli("cost", log, "ecs.log.gz", "-", "--by", "customer", "--json", given=piped)
    cost = json.loads(done.stdout)["cost"]
    assert (Decimal(cost["total_cost"]), done.returncode) == (Decimal(10), 0)
    assert Decimal(cost["cost_by_attribute"]["customer"]["hooli"]) == 1
    assert "standard input:2: not JSON" in done.stderr
    assert cli("cost", "-").returncode == 1


def test_a_log_adds_up_as_its_process_did(cli: CommandLine, log: str) -> None:
    """`replay` has the same costs as `cost`, by fields of the user's too."""
    cost = json.loads(cli("cost", log, "--json", variables={"PEPPERPY_COST_ATTRIBUTES": "customer"}).stdout)["cost"]
    replayed = cli("replay", log, "--json", variables={"PEPPERPY_COST_ATTRIBUTES": "customer"})
    assert json.loads(replayed.stdout)["cost"] == cost
    assert set(cost["cost_by_attribute"]["customer"]) == {"initech", "hooli"}
