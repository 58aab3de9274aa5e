"""Files that come from, and go to, addresses which a client named: none of them leads into the networks around here."""

from dvplug.serve.transfer.drs import resolve_drs
from dvplug.serve.transfer.fetch import RemoteSource, fetch
from dvplug.serve.transfer.guard import TransferLimits
from dvplug.serve.transfer.htsget import read_htsget
from dvplug.serve.transfer.put import put

__all__ = ["RemoteSource", "TransferLimits", "fetch", "put", "read_htsget", "resolve_drs"]
