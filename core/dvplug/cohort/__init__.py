"""Many samples of one sheet: called in one queue, compared with each other, drawn as one page."""
