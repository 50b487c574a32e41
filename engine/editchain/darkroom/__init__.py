"""The embedded model: edits by prompt, on the CPU, without weights or network, the same bytes each time."""
