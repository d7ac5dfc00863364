"""Which methods find the changed labels? AUROC by dataset and rate, beside the published numbers.

    python analysis/mislabeled.py mislabeled --into results

`memest analyze --analysis mislabeled` does the same and logs it to MLflow.
"""

from memest.paper.script import script

if __name__ == "__main__":
    print(script("mislabeled", __doc__))
