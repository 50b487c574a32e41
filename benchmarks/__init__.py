"""What the project's claims of speed are measured with, peers included."""
