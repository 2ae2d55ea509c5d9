from __future__ import annotations

from pathlib import Path

import pytest

from pepperpy_obs.errors import SetupError
from pepperpy_obs.pricing import Pricer

pytestmark = pytest.mark.hostile

ONE = '[[price]]\nmodel = "m"\n'


class TestErrors:
    @pytest.mark.parametrize(
        "table, message",
        [
            ("input = = 3", r"prices.toml' is not TOML: .*line 1"),
            ("\x00", r"is not TOML"),
            ("", "has no rows; it must hold"),
            ('[price]\nmodel = "m"', "has no rows; it must hold"),
            ("price = 3", "has no rows; it must hold"),
            (ONE + "input = 1\n[prices]\n", "has 'prices'; it must hold"),
            ("[[price]]\ninput = 1", r"row 1 \(model None\): model = None; give a name"),
            ("[[price]]\nmodel = []\ninput = 1", r"row 1 \(model \[\]\): model = \[\]; give a name"),
            (
                ONE + "inptu = 1",
                r"row 1 \(model 'm'\): unknown key 'inptu'; did you mean 'input'\? known are provider, model, .*input",
            ),
            (ONE, r"row 1 \(model 'm'\): give same_as, or times, or both, or prices"),
            (ONE + 'same_as = "x"\ninput = 1', r"row 1 \(model 'm'\): give same_as, or times, or both, or prices"),
            (ONE + "input = 1\ntimes = 2", r"row 1 \(model 'm'\): give same_as, or times, or both, or prices"),
            (ONE + "cache_read = 1", r"row 1 \(model 'm'\): has 'cache_read' but no 'input', so that the rest would"),
            (ONE + "input = 1\nreasoning = 1", r"row 1 \(model 'm'\): has 'reasoning' but no 'output'"),
            (ONE + "times = -1", r"row 1 \(model 'm'\): times = -1; a price cannot be negative"),
            (ONE + 'input = 1\ndays = "monday"', r"days = 'monday'; give a list of monday, tuesday"),
            (ONE + 'input = 1\ndays = ["Mon"]', r"days = \['Mon'\]; give a list of monday, tuesday"),
            (ONE + "input = 1\ndays = []", r"days = \[\]; give a list of monday, tuesday"),
            (ONE + 'input = 1\nhours = "9-17"', r"hours = '9-17'; give a time of day in UTC, such as '16:30-00:30'"),
            (ONE + 'input = 1\nhours = "09:00-25:00"', r"hours = '09:00-25:00'; give a time of day"),
            (ONE + 'input = 1\nhours = "09:00-09:00"', r"hours = '09:00-09:00'; give a time of day"),
            (ONE + "input = 1\nhours = 09:00:00", r"hours = datetime.time\(9, 0\); give a time of day"),
            (ONE + "input = 1\ninference_geo = 3", r"inference_geo = 3; give a text"),
            (ONE + "input = -1", r"row 1 \(model 'm'\): input = -1; a price cannot be negative"),
            (ONE + "input = nan", r"row 1 \(model 'm'\): input = .*; give US dollars as a number"),
            (ONE + 'input = "1"', r"row 1 \(model 'm'\): input = '1'; give US dollars as a number"),
            (ONE + "input = true", r"row 1 \(model 'm'\): input = True; give US dollars as a number"),
            (ONE + "input = 1\nper = 10", r"row 1 \(model 'm'\): per = 10; prices of tokens are per"),
            (ONE + "input = 1\nper = true", r"row 1 \(model 'm'\): per = True"),
            (ONE + "input = 1\nprovider = 3", r"row 1 \(model 'm'\): provider = 3; give a text"),
            (ONE + 'input = 1\nfrom = "2026-01-01"', r"row 1 \(model 'm'\): from = '2026-01-01'; give a date without"),
            (ONE + "input = 1\nfrom = 2026-02-01\nuntil = 2026-01-01", "from = 2026-02-01 is not before until"),
            (ONE + "units = 3", r"units = 3; give a table such as \{ search_units"),
            (ONE + "units = { pages = -1 }", r"units: pages = -1; a price cannot be negative"),
            (ONE + "input = 1\ntiers = 3", r"tiers = 3; give a list such as"),
            (ONE + "input = 1\ntiers = [{ input = 3 }]", r"tiers: above = None; give a rising number"),
            (
                ONE + "input = 1\ntiers = [{ above = 5, input = 3 }, { above = 5, input = 4 }]",
                "above = 5; give a rising",
            ),
            (
                ONE + "input = 1\ntiers = [{ above = 5, second = 3 }]",
                "tiers: unknown key 'second'; known are above, input",
            ),
            (ONE + "input = 1\ntiers = [{ above = 5, output = 3 }]", "has 'output' in a tier but no price below it"),
            (ONE + "input = 1\ntiers = [{ above = 5, input = -3 }]", "tiers: input = -3; a price cannot be negative"),
            (ONE + "input = " + "1" * 29, r"input = 1{29}; give a price of at most 28 digits, below 1e12"),
            (ONE + "input = 1e9999999", r"input = 1E\+9999999; give a price of at most 28 digits"),
            (ONE + "input = 1e-9999999", r"input = 1E-9999999; give a price of at most 28 digits"),
            (ONE + "input = 0." + "1" * 100_000, r"input = 0\.1{38}; give a price of at most 28 digits"),
            (ONE + "input = " + "1" * 100_000, "is not TOML"),
            (ONE + "input = " + "[" * 100_000, r"is not TOML|nested too deeply"),
            (ONE + "units = " + "{a = " * 50_000, r"is not TOML|nested too deeply"),
            (ONE + "units" + ".a" * 50_000 + " = 1", r"nested too deeply|units: a = .* give US dollars"),
            (ONE + "input = '" + "x" * 100_000 + "'", r"input = 'x{900,995}\.\.\.$"),
            ("#" * 1_000_001, r"is longer than 1000000 bytes; give a TOML file"),
            (ONE + "of_standard = 0.5", r"of_standard = 0\.5 without a service_tier"),
            (ONE + 'service_tier = "flex"\nof_standard = 0.5\ntimes = 2', r"or prices .*, or of_standard"),
            (ONE + "input = 1\n" + ONE + "input = 2", r"rows 1 and 2 both price 'm' from the same date"),
        ],
    )
    def test_name_file_row_and_key(self, table: str, message: str, tmp_path: Path) -> None:
        """A table that is wrong anywhere is refused at once: the message says where, what is accepted, what to do."""
        path = tmp_path / "prices.toml"
        path.write_text(table, encoding="utf-8")
        with pytest.raises(SetupError, match=message) as caught:
            Pricer(path)
        assert str(path) in str(caught.value)

    def test_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        """A missing file, or a folder, is named with the reason."""
        with pytest.raises(
            SetupError, match=r"none\.toml' cannot be read \(No such file or directory\); give a TOML file"
        ):
            Pricer(tmp_path / "none.toml")
        with pytest.raises(SetupError, match=r"cannot be read \(Is a directory\)"):
            Pricer(tmp_path)

    def test_a_file_that_is_not_text(self, tmp_path: Path) -> None:
        """Bytes that are no text are refused like text that is no TOML."""
        path = tmp_path / "prices.toml"
        path.write_bytes(b"\xff\xfe")
        with pytest.raises(SetupError, match="is not TOML"):
            Pricer(path)
