"""What is checked before the first read."""
