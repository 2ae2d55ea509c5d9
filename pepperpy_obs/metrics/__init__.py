"""The customer's names: every class that reads what was counted, and records by hand."""
