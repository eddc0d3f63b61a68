"""What applications use: consumers, events, broadcasts, identities."""
