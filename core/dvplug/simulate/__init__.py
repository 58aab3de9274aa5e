"""Simulated genomes, truth variants and reads, for the demonstration, for tests and for training."""

from dvplug.simulate.dataset import SimulatedDataset, simulate_dataset

__all__ = ["SimulatedDataset", "simulate_dataset"]
