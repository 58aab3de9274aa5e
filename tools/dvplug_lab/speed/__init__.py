"""What calling costs: time and memory of commands, of kernels, of all processes of a call."""
