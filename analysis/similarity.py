"""How alike are the scores of an experiment and a published reference? As tables and figures.

    python analysis/similarity.py full --reference "c_scores(path='cifar100-cscores-orig-order.npz')"

`memest analyze --analysis 'similarity(reference=…)'` does the same and logs it to MLflow.
"""

from memest.paper.script import script

if __name__ == "__main__":
    print(script("similarity", __doc__))
