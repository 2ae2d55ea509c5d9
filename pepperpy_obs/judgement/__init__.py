"""Judgement: what a snapshot means. Pure functions of what was counted, and the checker that asks them."""
