"""The senders of events to receivers, which let an outage lose nothing."""
