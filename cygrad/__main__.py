"""Runs a program written for PyTorch on cygrad, as python runs programs:

    python -m cygrad program.py [argument ...]
    python -m cygrad -m module [argument ...]
    python -m cygrad -c code [argument ...]
    python -m cygrad                            an interactive session, in which `torch` is cygrad
    python -m cygrad -i program.py [...]        the same, after the program
    python -m cygrad --version

    python -m cygrad info                       versions, CPU, threads and devices, for a report
    python -m cygrad selftest                   half a minute of checks on this machine and its devices
    python -m cygrad doctor program.py [...]    which PyTorch names it uses that cygrad lacks, without running it
    python -m cygrad bench                      a few measurements, beside PyTorch where it is installed
    python -m cygrad run program.py [...]       as without `run`

Started by mpiexec, it sets RANK, LOCAL_RANK, WORLD_SIZE and their like, as torchrun does.
"""

import code
import importlib
import io
import os
import pkgutil
import runpy
import sys
import types

from ._as_torch import install_as_torch
from ._commands import COMMANDS
from .distributed import _environment


def _prepare(arguments):
    """Sets sys.argv and sys.path[0] as python does, and returns a function that runs the program."""
    main = types.ModuleType("__main__")
    main.__builtins__ = sys.modules["builtins"]
    sys.modules["__main__"] = main
    option = arguments[0]
    if option in ("-m", "-c"):
        if len(arguments) == 1:
            sys.exit(f"Argument expected for the {option} option")
        sys.argv[:] = [option, *arguments[2:]]
        sys.path[0] = os.getcwd() if option == "-m" else ""
        if option == "-m":
            return lambda: runpy._run_module_as_main(arguments[1])  # what python -m itself calls
        return _running(main, arguments[1], "<string>")
    sys.argv[:] = arguments
    if option == "-":
        sys.path[0], main.__file__ = "", "<stdin>"
        return _running(main, sys.stdin.read(), "<stdin>")
    path = os.path.abspath(option)
    if pkgutil.get_importer(path) is not None:  # a folder or an archive with a __main__ in it
        sys.path[0] = path
        return lambda: runpy._run_module_as_main("__main__", False)
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        print(
            f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        sys.exit(2)
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    main.__file__, main.__cached__ = path, None
    return _running(main, source, path)


def _running(main, source, name):
    return lambda: exec(compile(source, name, "exec", dont_inherit=True), vars(main))


def _run(program):
    """Runs the program; what it raises is shown by python, but without the frames of this file."""
    try:
        program()
    except SystemExit:
        raise
    except BaseException as error:
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
            traceback = traceback.tb_next
        hook = sys.excepthook  # the program may have set it
        sys.excepthook = lambda kind, error, _: hook(
            kind, error.with_traceback(traceback), traceback
        )
        raise


def _interact(names):
    """Python's prompt over these names, with history and completion where readline is there."""
    try:
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    except ImportError:
        pass
    sys.argv[:], sys.path[0] = sys.argv or [""], ""
    banner = f"cygrad {_own_version()}, Python {sys.version.split()[0]}; `torch` is cygrad"
    code.interact(banner, local=names, exitmsg="")


def _own_version():
    from importlib import metadata

    try:
        return metadata.version("cygrad")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _main(arguments):
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__.strip())
        return
    if arguments and arguments[0] in ("-V", "--version"):
        import cygrad

        print(f"cygrad {_own_version()}, with the interface of PyTorch {cygrad.__version__}")
        return
    if arguments and arguments[0] in COMMANDS:
        command, arguments = arguments[0], arguments[1:]
        if command != "run":
            importlib.import_module(f"cygrad._commands.{command}").main(arguments)
            return
        if not arguments:
            sys.exit("usage: python -m cygrad run PROGRAM ...")
    _environment.fill()
    install_as_torch()
    import cygrad as torch

    stays = bool(arguments) and arguments[0] == "-i"
    arguments = arguments[1:] if stays else arguments
    if not arguments and not sys.stdin.isatty():
        arguments = ["-"]  # a program by a pipe, as python takes it
    if not arguments:
        _interact({"__name__": "__main__", "torch": torch})
        return
    program = _prepare(arguments)
    if not stays:
        _run(program)
        return
    main = sys.modules["__main__"]
    try:
        program()
    except SystemExit:
        pass
    except BaseException:
        sys.excepthook(*sys.exc_info())
    vars(main).setdefault("torch", torch)
    _interact(vars(main))


_kept = sys.modules["__main__"]  # this module: a module that is dropped loses its globals
_main(sys.argv[1:])
