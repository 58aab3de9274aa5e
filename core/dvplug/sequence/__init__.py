"""Kernels on base codes and CIGARs; they know no step."""
