"""What calling costs: measured on slices, and computed from that for genomes and cohorts."""
