"""How a sequencer errs, learnt from real aligned reads without a truth, and measured on simulated ones.

`profile` is for short reads in pairs, `context` for single reads of any length; what they count lies in
`observed_alleles`, `alignments` and `error_counts`. `noise` tells how many false alleles a BAM shows.
"""
