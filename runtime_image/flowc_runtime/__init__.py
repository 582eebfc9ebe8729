"""The runtime executes a task, in a pod or in a process of the emulator, and writes records about the task to the
store.

`python -m flowc_runtime` is the in-pod entrypoint. The package needs the standard library and `flowc_ir`; cloudpickle
is imported only when a value needs it.
"""
