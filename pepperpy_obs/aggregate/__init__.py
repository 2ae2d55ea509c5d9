"""The aggregator: the fold of events into series, and the snapshots that everything reads.

Read it from the bottom: `bins`, `histogram`, `cell`, `series`, `metric`, `ledger`, `snapshot`, then `tally`,
`window`, `store`. It does no I/O, starts no thread, reads no clock and takes no lock: its owner does.
"""
