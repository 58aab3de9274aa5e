"""Training: examples on disk, the network, its fitting and its export to a model folder."""
