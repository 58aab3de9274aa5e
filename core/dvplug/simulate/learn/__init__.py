"""How a sequencer errs, learnt from real reads."""
