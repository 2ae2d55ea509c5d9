"""Names the service and the deployment in every event."""

from __future__ import annotations

from typing import Any

from pepperpy_obs.typing import EventDict

__all__ = ["Context"]


class Context:
    """Adds fixed fields to each event that does not have them yet.

    >>> Context(service="billing")(None, "info", {"event": "operation.finished"})
    {'event': 'operation.finished', 'service': 'billing'}
    """

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Add what is missing."""
        for key, value in self._fields.items():
            event_dict.setdefault(key, value)
        return event_dict
