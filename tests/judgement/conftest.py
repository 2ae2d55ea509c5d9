from __future__ import annotations

import pytest

from pepperpy_obs import _guard
from tests.still import Still


@pytest.fixture
def still() -> Still:
    """Return a runtime that has counted nothing, in a process in which nothing of ours has failed."""
    _guard.forget()
    return Still()
