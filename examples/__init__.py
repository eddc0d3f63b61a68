"""Applications of Roomkey that are small enough to be read at once."""
