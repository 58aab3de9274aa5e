"""Reads unlike those that the models were trained on, made of others, and what they cost in accuracy."""
