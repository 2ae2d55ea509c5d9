"""For PyInstaller: the price table goes into the bundle."""

from pathlib import Path

datas = [(str(Path(__file__).parents[1] / "overrides.toml"), "pepperpy_obs/pricing")]
