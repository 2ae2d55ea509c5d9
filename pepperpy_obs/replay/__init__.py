"""Reading back: from log lines to the statistics that the process which wrote them had.

`lines` makes lines of bytes, `fold` makes statistics of lines, `follow` watches files that grow. Memory is
bounded, however long a log or one of its lines is. Nothing here writes, prices or prints.
"""
