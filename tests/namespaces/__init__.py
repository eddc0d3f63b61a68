"""The whole engine, driven through both doors."""
