"""Where lines go on this machine: a file, a stream."""
