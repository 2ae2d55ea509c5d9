"""What makes an event fit to leave: plain values of bounded size, without secrets."""
