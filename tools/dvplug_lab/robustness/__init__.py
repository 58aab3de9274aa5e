"""How a model bears reads that are unlike those it was shown, and what can be checked without a truth."""
