"""Where: the reference, regions of it, and how many copies."""
