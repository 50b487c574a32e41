"""`python -m editchain`."""

from editchain.cli import main

if __name__ == "__main__":  # processes that this one starts import it again under another name
    main()
