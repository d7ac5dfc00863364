"""`mlflow run . -e experiment`: the same words as `memest experiment`."""

import sys

from memest.cli import main

if __name__ == "__main__":
    sys.exit(main(["experiment", *sys.argv[1:]], all_flags=True))
