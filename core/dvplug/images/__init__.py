"""Step 3: from candidates to images and features."""
