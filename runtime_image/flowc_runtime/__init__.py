"""What executes a task, in a pod and in the emulator's forked child alike, and the store that it leaves records in.

`python -m flowc_runtime` is the in-pod entrypoint. The package needs the standard library and `flowc_ir`; cloudpickle
is imported when a value needs it.
"""
