"""Measures what a delivery, an ack and a connection cost, ours beside its peers."""
