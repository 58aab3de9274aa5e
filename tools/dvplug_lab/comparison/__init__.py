"""Compare dvplug with other callers on reads with a truth: sets, runs, errors, pictures."""
