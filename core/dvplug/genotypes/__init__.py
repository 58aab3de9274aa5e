"""Step 4: from images to genotypes."""
