"""Reports: one web page each, with everything in it, that asks nothing of the network."""
