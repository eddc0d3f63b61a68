"""Describing a project's events to programmers: one description, written in several languages."""
