"""The developer's console: a page that speaks to any namespace over either door."""
