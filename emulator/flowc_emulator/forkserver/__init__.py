"""A fork server: a process that has imported nothing of the user's and forks the processes of tasks on demand.

`client` is the supervisor's side. `server` is the process, started by exec. It forks a *branch* for each environment
that steps ask for, which imports third-party packages that are safe to share, and each task is a fork of a branch.
"""
