"""Simulated genomes, variants and reads, for the demonstration, for tests and for training.

`simulate_dataset` makes a small data set of Illumina-like reads from nothing, without an aligner.

To train for a sequencer of which there are real reads but no truth, go through the modules in this order:

1. `learn.reads`: learn how the real reads err, by `learn.profile` (short reads in pairs) or `learn.context` (single
   reads of any length), and keep that.
2. `genome` and `sample`: read or make up reference sequence; read a person's real variants, or learn with
   `drawn_variants` how they vary and draw variants for other sequence, or take `usual_variants`; add decoys, whose
   reads map to the wrong place.
3. `variants`: `apply_variants` gives the sequences of both haplotypes, `write_truth` what is to be found.
4. `depths` and `locus_noise`: plan how deep each stretch is sequenced, and how much places differ in how reads err.
5. `short_reads` or `long_reads`: prepare a haplotype, draw where its reads lie, make their FASTQ text.
6. `mapping`: map the text with the aligner that real reads are mapped with.
7. `learn.noise`: compare the false alleles of simulated and real reads, and go back to 4.

To train for more than one kind of library, draw worlds (`world.draw_world`): `crowded_variants` adds what their genomes
have of their own, and `world_reads.write_world` stands for 4 to 6 and what follows mapping. `world_ranges` has ranges
for each kind of reads, and `own_worlds` worlds for the reads that were learnt from. `dvplug.train.from_reads` goes all
the way, from a BAM to a model.

A random generator that is passed in is all that is random: the same seed gives the same bytes.
"""

from dvplug.simulate.dataset import SimulatedDataset, simulate_dataset

__all__ = ["SimulatedDataset", "simulate_dataset"]
