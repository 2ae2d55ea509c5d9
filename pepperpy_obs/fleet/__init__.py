"""Many processes as one: those of a machine through a directory that they share.

Each process writes its state into files of its own (`publisher`), in a form of its own (`state`); whoever reads adds
the states of all up (`source`), and one of those that live takes what the dead have left (`directory`).
"""
