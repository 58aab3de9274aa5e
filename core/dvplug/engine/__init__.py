"""One region along the whole line, and all regions over processes."""
