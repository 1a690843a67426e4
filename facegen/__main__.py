"""python -m facegen: the command line."""

from facegen.cli import main

if __name__ == "__main__":
    main()
