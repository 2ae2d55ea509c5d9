"""The ways out: a file, a stream, and the senders that let an outage of the receiver lose nothing."""
