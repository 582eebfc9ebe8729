"""A fork server: a process that has imported no user code and forks the processes of tasks on demand.

The module `client` runs in the supervisor, the process that controls the run. `server` is the fork server's process,
started by exec. The server forks a process, called a *branch process*, for each different set of environment variables
that steps have. A branch process imports the third-party packages that are safe to share, and each task is a fork of a
branch process.
"""
