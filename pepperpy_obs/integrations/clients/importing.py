"""Hooks wait for their modules: what is to be done once a module has been imported, by whatever imports it."""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from threading import local
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._guard import failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Then = Callable[[ModuleType], None]

__all__ = ["forget", "when_imported"]


class _Finder(MetaPathFinder):
    """Finds nothing itself: has the loaders that others find tell us when they are done."""

    def __init__(self) -> None:
        self.awaited: dict[str, list[Then]] = {}
        self._asking = local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return what the other finders find of a module that is awaited; None for all others."""
        if fullname not in self.awaited or getattr(self._asking, "on", False):
            return None
        self._asking.on = True
        try:
            for finder in list(sys.meta_path):
                find: Any = getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = None if finder is self or find is None else find(fullname, path, target)
                if spec is not None:
                    if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(spec.loader, self.awaited)
                    return spec
        finally:
            self._asking.on = False
        return None


class _Loader(Loader):
    """Loads a module as its own loader does, gives the module back to it, and then tells of it."""

    def __init__(self, loader: Any, awaited: dict[str, list[Then]]) -> None:
        self._loader = loader
        self._awaited = awaited

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Have the own loader make the module."""
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, and then what was to be done."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        for then in self._awaited.get(module.__name__, ()):
            _tell(then, module)

    def __getattr__(self, name: str) -> Any:
        """Offer what the own loader offers beside."""
        if name == "_loader":
            raise AttributeError(name)
        return getattr(self._loader, name)


_FINDER: Final = _Finder()


def when_imported(name: str, then: Then) -> None:
    """Do something with a module: now, if it has been imported, and whenever it is imported from now on."""
    waiting = _FINDER.awaited.setdefault(name, [])
    if then not in waiting:
        waiting.append(then)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    module = sys.modules.get(name)
    # One that is being imported in this moment has its own turn to come, if that has not been too early for us.
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        _tell(then, module)


def forget(name: str, then: Then) -> None:
    """No longer wait for a module."""
    waiting = _FINDER.awaited.get(name, [])
    if then in waiting:
        waiting.remove(then)
    if not waiting:
        _FINDER.awaited.pop(name, None)
    if not _FINDER.awaited and _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)


def _tell(then: Then, module: ModuleType) -> None:
    try:
        then(module)
    except Exception as error:
        failed("instrument", error)
