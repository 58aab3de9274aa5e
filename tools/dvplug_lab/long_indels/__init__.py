"""Indels of 50 bp and more measured: simulated long reads with such indels, and calls compared with them."""
