"""What others were vulnerable to."""
