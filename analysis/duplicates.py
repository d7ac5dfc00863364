"""Which methods find duplicates, both members of a pair, the copy alone, its twin alone?

    python analysis/duplicates.py duplicates --into results

`memest analyze --analysis duplicates` does the same and logs it to MLflow.
"""

from memest.paper.script import script

if __name__ == "__main__":
    print(script("duplicates", __doc__))
