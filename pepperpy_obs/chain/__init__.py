"""Records in, counts and lines out: the links in their order (`order`), run by hand, and the fast path around them.

Links are ordinary structlog processors, called without a bound logger (a fifth of the cost of its call), and each is
guarded: one that raises is skipped and counted.
"""

from pepperpy_obs.chain.chain import Chain
from pepperpy_obs.chain.link import Link, OutputCounter
from pepperpy_obs.chain.order import FORMATS, build_chain

__all__ = ["FORMATS", "Chain", "Link", "OutputCounter", "build_chain"]
