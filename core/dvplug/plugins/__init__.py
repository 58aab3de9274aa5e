"""Plugins: loaded, built in, installed, begun."""
