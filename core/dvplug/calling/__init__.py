"""One run of `dvplug call`."""
