"""Who is in which room, and delivery to them."""
