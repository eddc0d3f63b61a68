"""Membership and delivery, on every adapter."""
