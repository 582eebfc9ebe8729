"""The program `flowc`, also as `python -m flowc`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the program `flowc`; most requests of shells for completions are answered without importing the commands."""
    if "_FLOWC_COMPLETE" in os.environ:
        from flowc.completion.quick import answer

        text = answer(os.environ["_FLOWC_COMPLETE"])
        if text is not None:
            sys.stdout.write(text)
            return
    from flowc import cli

    cli.main()


if __name__ == "__main__":
    main()
