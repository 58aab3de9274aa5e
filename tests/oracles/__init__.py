"""Slow twins: what kernels must give, a read, a base or a genotype at a time."""
