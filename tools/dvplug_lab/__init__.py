"""What the scripts of this folder share: comparisons, recipes, fuzzing, speed."""
