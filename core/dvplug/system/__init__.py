"""Terminal, log, memory, processes and files."""
