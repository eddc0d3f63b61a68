"""Rooms that are rows of a model of one's own: who takes a course is let into its room."""
