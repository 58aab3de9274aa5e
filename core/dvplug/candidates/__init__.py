"""Step 2: from reads to candidates."""
