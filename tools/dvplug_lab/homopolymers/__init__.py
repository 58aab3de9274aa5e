"""How well the lengths of homopolymers can be told from reads, and how reads err in them."""
