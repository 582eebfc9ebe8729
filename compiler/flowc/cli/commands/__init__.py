"""The commands of `flowc`, one module per command or group of commands."""
