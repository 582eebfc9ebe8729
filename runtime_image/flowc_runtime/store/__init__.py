"""The object store. The subpackages of the store contain the backends (`backends`), the encoding of values (`values`),
the records of runs (`records`, `ended`), and checks and garbage collection (`upkeep`)."""
