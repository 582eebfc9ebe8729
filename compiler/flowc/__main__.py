"""`python -m flowc` is the program `flowc`."""

from flowc.cli import main

if __name__ == "__main__":
    main()
