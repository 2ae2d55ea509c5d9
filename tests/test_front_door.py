"""The front door: the names that others rely on, and nothing in their way."""

import pkgutil
import subprocess
import sys

import pepperpy_obs


def test_no_room_takes_the_name_of_a_public_function() -> None:
    """Importing a submodule sets it on the package, so a room of the same name would replace the function."""
    rooms = {room.name for room in pkgutil.iter_modules(pepperpy_obs.__path__)}

    assert rooms & set(pepperpy_obs.__all__) == set()


def test_every_public_name_is_there() -> None:
    """All of `__all__` can be had, also what is loaded late."""
    for name in pepperpy_obs.__all__:
        assert getattr(pepperpy_obs, name) is not None


def test_stats_stay_a_function_after_everything_is_loaded() -> None:
    """Reading statistics twice works: the first read loads the rooms behind."""
    program = (
        "import pepperpy_obs as p; p.stats(); p.health(); p.configure; p.serve; print(p.stats().performance.calls)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "0\n"
