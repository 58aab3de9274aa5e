"""Broken inputs for `tools/fuzz.py`: how files are broken, what they are given to, and how a run is judged."""
