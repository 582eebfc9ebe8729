from metaflow import FlowSpec, step

SETTINGS = {"alpha": 1}


def read(name):
    return SETTINGS[name]


BETA = read("beta")
