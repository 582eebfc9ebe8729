"""Options that several commands share. The options' values come from the command line, files and environment
variables."""

from flowc.cli.light_urllib import load_urllib

load_urllib()  # most modules below import `pathlib`, which imports `urllib.parse`
