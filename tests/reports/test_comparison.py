"""The comparison of prices as CSV."""

from __future__ import annotations

from decimal import Decimal

from pepperpy_obs.reports.comparison import Comparison, Difference


def test_csv_quotes_every_field() -> None:
    """A name that a spreadsheet would run is harmless, an unknown amount is empty, and every field stands in quotes."""
    nothing = Decimal(0)
    one = Difference(2, Decimal("1.50"), None, None, 0, nothing, 2, Decimal("1.50"))

    lines = Comparison.of("what if", "", {"=1+1": one}).to_csv().splitlines()

    assert lines[0] == (
        '"model","requests","recorded","other","difference","newly_priced","newly_priced_cost","no_longer_priced",'
        '"no_longer_priced_cost"'
    )
    assert lines[1] == '"\'=1+1","2","1.50","","","0","0","2","1.50"'
    assert lines[2].startswith('"total","2","1.50",')
    assert all(field.startswith('"') and field.endswith('"') for line in lines for field in line.split(","))
