"""What the network sees at a position."""
