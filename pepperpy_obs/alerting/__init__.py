"""Alerting: the states of rules over time, and the notifiers that tell of them."""
