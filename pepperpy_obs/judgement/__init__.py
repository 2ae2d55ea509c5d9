"""Judgement: what a reading means. Pure functions of readings: no thread, no I/O, no look at the runtime."""
