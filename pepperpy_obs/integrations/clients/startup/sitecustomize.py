"""Run by Python as it starts below `pepperpy-obs run`: runs the application's own, and hooks the clients."""

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

_HERE = str(Path(__file__).parent)
_OWN = PathFinder.find_spec("sitecustomize", [path for path in sys.path if path != _HERE])
if _OWN is not None and _OWN.loader is not None:
    sys.modules["sitecustomize"] = module_from_spec(_OWN)
    _OWN.loader.exec_module(sys.modules["sitecustomize"])

try:
    import_module("pepperpy_obs.integrations.auto")
except ImportError as error:
    sys.stderr.write(f"pepperpy-obs run: {sys.executable} cannot import pepperpy_obs; nothing is recorded: {error}\n")
