"""The reads that models are trained and measured on: a person, a plan of depths, reads, mapping."""
