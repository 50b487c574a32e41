"""Looking at runs: pages with their graph, pictures, tasks and calls."""
