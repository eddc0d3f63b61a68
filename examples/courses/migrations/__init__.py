"""The migrations of the example."""
