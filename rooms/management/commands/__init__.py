"""Management commands of the rooms app."""
