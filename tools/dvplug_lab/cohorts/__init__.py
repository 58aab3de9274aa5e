"""Cohorts and trios that are simulated: their reads, what is true of them, and how joint genotyping does."""
