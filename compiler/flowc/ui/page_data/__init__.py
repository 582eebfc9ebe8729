"""The data of the pages, without HTML: lists of runs, a run, its steps, tasks, logs and times."""
