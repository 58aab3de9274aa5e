"""The numbers beside an image."""
