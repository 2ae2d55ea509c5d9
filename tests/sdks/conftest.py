"""What the SDKs leave behind is theirs to answer for."""

import pytest


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """Let their threads run on."""
