"""dvplug: germline SNPs and indels from aligned reads, technology by plugin."""

__version__ = "0.1.0"
