"""Phase of calls measured: simulated long reads of known haplotypes, and WhatsHap beside dvplug."""
