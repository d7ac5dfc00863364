"""`mlflow run . -e tune`: the same words as `memest tune`."""

import sys

from memest.cli import main

if __name__ == "__main__":
    sys.exit(main(["tune", *sys.argv[1:]], all_flags=True))
