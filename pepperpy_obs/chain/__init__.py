"""The order of the links, and the reasons for it.

    context -> count once -> price -> budget -> aggregate -> level -> sample -> bound -> redact -> ways out

A cost is counted with its call or never, so pricing stands before the aggregate. What is
filtered or sampled away was counted, so these stand after it, and before the dear ones. What
`bound` has made plain, `redact` can search. Past them an event may leave the process: where one
of them fails, the event does not leave.

The chain is private: the application's own structlog configuration neither starves it nor is
touched by it. Its links are ordinary structlog processors, called by hand (a fifth of the cost
of a bound logger's call), and each is guarded: one that raises is skipped and counted.

Most calls differ from the one before in their times and ids only. These are counted and written
without an event being made of each: what the chain does to one of an operation, it does to all (`usual`).
"""

from pepperpy_obs.chain.chain import Chain
from pepperpy_obs.chain.link import Exit, Link, Tally
from pepperpy_obs.chain.usual import Usual

__all__ = ["Chain", "Exit", "Link", "Tally", "Usual"]
