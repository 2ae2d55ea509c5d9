"""A folder for the path of modules of a program below `pepperpy-obs run`."""
