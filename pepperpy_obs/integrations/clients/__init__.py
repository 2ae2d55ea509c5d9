"""The clients of providers, hooked with one line: each of their requests is one call, as if it were decorated.

Theory. A *hook* is a method of a client, the deepest one that all of its requests pass through. Its row in the `table`
says where it is, and reads of each call what it is: a request, of which operation, to which provider, or none of ours.
A hook is *installed* in the class when its module has been imported, and *waits* until then: nothing here imports a
client. A hook that others have wrapped stays in place and is switched off. What is recorded is what `@costed` records.
"""

from pepperpy_obs.integrations.clients.instrumenting import instrument, library_names, uninstrument
from pepperpy_obs.integrations.clients.status import HookStatus, statuses

__all__ = ["HookStatus", "instrument", "library_names", "statuses", "uninstrument"]
