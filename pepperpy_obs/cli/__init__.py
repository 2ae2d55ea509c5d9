"""The command line, `pepperpy-obs`: one module for each verb, and nothing that code below could need."""
