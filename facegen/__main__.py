"""The command facegen: signals and streams first, then all the rest, which takes a while to import.

Exit codes: 0 done; 1 facegen's own error, one line on stderr; 2 wrong usage; 3 done, but some
inputs were skipped; 129, 130 and 143 for SIGHUP, SIGINT and SIGTERM.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import ExitStack

from facegen.cli.terminal import standard_streams
from facegen.notices import hidden_notices
from facegen.signals import StopSignals


def main() -> None:
    """Runs the command line and exits."""
    # The threads of NumPy's OpenBLAS wait for work in a busy loop before they sleep: of 2^26 ticks
    # of the processor's clock, which are 25 ms at each start. 2^20 are 0.4 ms.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
    # What is left at the end need not be searched for cycles: 20 ms of a main job of 250.
    atexit.register(gc.freeze)
    signals = StopSignals()
    with ExitStack() as stack:
        try:
            try:
                signals.install()
                stack.enter_context(hidden_notices())
                stack.enter_context(standard_streams())
                from facegen.cli.main import run

                code = run()
            finally:
                signals.finish()
        except BaseException as error:
            signals.finish()
            if signals.number:  # whatever the error is: C code turns what it catches into its own
                code = 128 + signals.number
            else:
                from facegen.cli.main import report

                code = report(error)
    sys.exit(code)


if __name__ == "__main__":
    main()
