"""What passes along the line: regions, reads, candidates, images, records."""
