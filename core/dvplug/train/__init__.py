"""Train a technology's network: examples, labels, fit, export."""
