"""What `python -m cygrad COMMAND` does: info, selftest, doctor, bench; a module each, with `main(arguments)`.

May use the package as its users do.
Must not be needed by it, nor by programs that run.
"""

COMMANDS = {
    "info": "versions, CPU, threads and devices, to paste into a report",
    "selftest": "half a minute of checks on this machine and each of its devices",
    "doctor": "PROGRAM ...: which PyTorch names it uses that cygrad lacks, without running it",
    "bench": "how fast a few operators and training steps are, beside PyTorch where it is installed",
    "run": "PROGRAM ...: runs it, as without the word",
}
