"""`mlflow run .`: the main entry point, `memest demo`."""

import sys

from memest.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]], all_flags=True))
