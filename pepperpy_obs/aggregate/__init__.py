"""The aggregator: the fold of events into series, and the snapshots that everything reads.

Read it from the bottom: `bins`, `histogram`, `data`, `series`, `metric`, `table`, `snapshot`, then `accumulator`,
`window`, `store`. It does no I/O, starts no thread, reads no clock and takes no lock: its owner does.
"""
