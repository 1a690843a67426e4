"""The command facegen: streams and signals first, then all the rest, which takes a while to import.

Exit codes: 0 done; 1 facegen's own error, one line on stderr; 2 wrong usage; 3 done, but some
inputs were skipped; 129, 130 and 143 for SIGHUP, SIGINT and SIGTERM.
"""

from __future__ import annotations

import sys

from facegen.stopping import StopSignals
from facegen.terminal import standard_streams


def main() -> None:
    """Runs the command line and exits."""
    with standard_streams():
        code = _run()
    sys.exit(code)


def _run() -> int:
    signals = StopSignals()
    try:
        try:
            signals.install()
            from facegen.cli import run

            return run()
        finally:
            signals.finish()
    except BaseException as error:
        signals.finish()
        if signals.number:  # whatever the error is: C code turns what it catches into its own
            return 128 + signals.number
        from facegen.cli import report

        return report(error)


if __name__ == "__main__":
    main()
