"""Are changed labels found among easy and hard examples alike? By deciles of a published reference.

    python analysis/difficulty.py full --reference "c_scores(path='cifar100-cscores-orig-order.npz')"

`memest analyze --analysis 'detection_by_difficulty(reference=…)'` does the same and logs it to MLflow.
"""

from memest.paper.script import script

if __name__ == "__main__":
    print(script("detection_by_difficulty", __doc__))
