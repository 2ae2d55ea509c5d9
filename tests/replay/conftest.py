from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("distributed") else ["test_cluster.py"]
"""Dask is a cluster by itself, and nothing of ours needs it: `pip install dask distributed` has its test run."""
