"""Parts of `benchmark.py`."""
