"""`mlflow run . -e audit`: the same words as `memest audit`."""

import sys

from memest.cli import main

if __name__ == "__main__":
    sys.exit(main(["audit", *sys.argv[1:]], all_flags=True))
