"""The interfaces: each a router over the one service."""
