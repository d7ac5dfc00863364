"""Wrong labels found in a Transformers training: `watch(trainer)`.

A tiny network on made-up sentences of two topics, so that nothing is downloaded.
"""

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from memest.integrations.transformers import watch

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 600)
words = rng.integers(2, 60, (600, 12)) + 40 * labels[:, None]  # the topics share a third of their words
wrong = rng.choice(600, 30, replace=False)
labels[wrong] = 1 - labels[wrong]
data = [{"input_ids": torch.tensor(w), "labels": int(y)} for w, y in zip(words, labels, strict=True)]

torch.manual_seed(0)
config = BertConfig(
    vocab_size=128, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
)
arguments = TrainingArguments(
    "trained",
    num_train_epochs=6,
    per_device_train_batch_size=32,
    learning_rate=2e-3,
    report_to=[],
    save_strategy="no",
    logging_strategy="no",
    disable_tqdm=True,
    use_cpu=True,
)
trainer = Trainer(BertForSequenceClassification(config), arguments, train_dataset=data)
recorder = watch(trainer)
trainer.train()

table = recorder.suspicious(30)
print(recorder.suspicious(10))
print(f"{np.isin(table['id'], wrong).sum()} of the 30 first are among the 30 that were changed")
