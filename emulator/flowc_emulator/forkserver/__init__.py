"""A fork server: a process that has imported no user code and forks the processes of tasks on demand.

`client` is the supervisor's side. `server` is the process, started by exec. It forks a *branch* for each environment of
a step. A branch imports the third-party packages that are safe to share, and each task is a fork of a branch.
"""
