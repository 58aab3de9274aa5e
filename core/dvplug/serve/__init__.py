"""The caller as a service: runs are submitted, queued, watched and fetched over HTTP.

The process that answers imports neither TensorFlow nor Numba nor pysam: a run is a child process of the ordinary
command (`serve/run_life.py`), and what needs the engine otherwise is done by a process of its own (`serve/checks.py`).
State is one SQLite file and plain folders.
"""
