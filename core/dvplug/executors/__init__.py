"""Regions over the machines of a cluster: another executor in place of this machine's worker processes."""
