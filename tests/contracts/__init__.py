"""Typed events, both ways, and what is told of them."""
