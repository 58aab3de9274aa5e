"""Model manifests: what a model is, how one is found by name, and how its files are verified."""
