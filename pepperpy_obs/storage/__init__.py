"""A store that outlives the process: minutes, hours and days of all that was counted, in SQLite or PostgreSQL.

Only this room knows SQL. Nothing here is loaded before a store is opened (`opening`).
"""
