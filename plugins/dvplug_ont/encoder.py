"""The image encoder for R10 reads: it knows how often they show a homopolymer longer or shorter than it is."""

from __future__ import annotations

from pathlib import Path

from dvplug.images.encoders import LikelihoodEncoder

# The table was learnt from real reads by tools/learn_length_errors.py.
encode_pileups = LikelihoodEncoder(Path(__file__).with_name("length_errors.npz"))
