"""The program of flows whose steps are functions, notebooks and shell commands: the IR says what they run."""
