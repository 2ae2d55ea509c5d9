from __future__ import annotations

from pathlib import Path

import pytest

from pepperpy_obs import Config
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.replay.parallel import ChunkedFold
from tests.replay.test_parallel import call, folded, told


def test_a_cluster_gives_what_one_fold_gives(tmp_path: Path) -> None:
    """Workers of a local Dask cluster fold pieces of two logs, one of them a copy in part."""
    distributed = pytest.importorskip("distributed")
    names = []
    for name, count in (("one.log", 2000), ("two.log", 2500)):
        (tmp_path / name).write_bytes(b"".join(json_lines([call(number) for number in range(count)])))
        names.append(str(tmp_path / name))
    config = Config(config_file=None)
    with distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        fold = ChunkedFold(config)
        chunks = list(fold.files(names, client.get_executor(pure=False), 2, size=100_000))
    assert len(chunks) > 4
    assert (fold.events, fold.doubles) == (2500, 2000)
    assert told(fold) == told(folded(names, config))
