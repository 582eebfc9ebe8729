"""Run the program `flowc` by `python -m flowc`."""

from flowc.cli import main

if __name__ == "__main__":
    main()
