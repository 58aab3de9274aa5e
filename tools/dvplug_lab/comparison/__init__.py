"""Parts of `compare_callers.py`."""
