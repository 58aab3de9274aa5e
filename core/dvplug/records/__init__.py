"""Step 5: from genotypes to VCF."""
