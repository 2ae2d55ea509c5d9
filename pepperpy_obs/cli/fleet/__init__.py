"""What `pepperpy-obs demo` shows: a small fleet of agents, and the simulated providers that they ask.

It uses the front door as any application does, and nothing below it. Nothing here opens a connection.
"""
