"""Wiring only: the one place that knows every part."""
