"""Per-example scores of anyone's training loop, joined by example id, ending in a sheet like that of `train`.

recorder = Recorder(ids=len(dataset))
for epoch in range(epochs):
    for images, labels, ids in loader:
        logits = network(images)
        recorder.update(logits, labels, ids)
        …
    recorder.end_epoch()
print(recorder.suspicious(20))
recorder.save("recording")
"""

from memest.recorder.indexed import Indexed
from memest.recorder.recorder import Recorder
from memest.recorder.suspicious import Suspicious

__all__ = ["Indexed", "Recorder", "Suspicious"]
