"""Step 1: from files to reads."""
