"""`python -m editchain`."""

from editchain.cli import main

main()
