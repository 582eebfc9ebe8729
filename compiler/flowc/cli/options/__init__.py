"""Options that several commands share. The options' values come from the command line, files and environment
variables."""

from flowc.cli.light_urllib import load_urllib

load_urllib()  # called first, because the modules of this package import `pathlib`, which imports `urllib.parse`
