"""Random public calls with hostile arguments, each in a child process with limits on time and memory.

A call is the text of a Python expression over `torch` (cygrad, or PyTorch for comparison) and `T` (see `values.T`),
so a call that failed is a line that can be read, run again and kept: `failed.txt` holds those, `honest.txt` calls
that are right, from which others are made by changing what stands in them. `python -m tests.fuzz --help` has the
options.
"""
