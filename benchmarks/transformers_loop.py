"""What `watch` costs in a Transformers training: calls of `train` for an epoch each, in turns.

    python -m benchmarks.transformers_loop

Both sides train the same BERT from the same seed on texts of random words; what `train` itself takes to begin
counts for both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import torch

from benchmarks.recording import compare, options_of

BAR, CLASSES, BATCH, WORDS, LENGTH = 1.05, 20, 32, 1000, 32


def main() -> None:
    """Measure, print the table, write the JSON."""
    options = options_of(__doc__, texts=(512, "in an epoch"), width=(128, "of the network"))
    compare(
        "transformers_loop",
        "Transformers",
        lambda recorded: epochs_of(options.texts, options.width, options.device, recorded),
        BAR,
        options,
        model=f"bert of 2 layers and width {options.width}",
        texts=options.texts,
        length=LENGTH,
        batch=BATCH,
        classes=CLASSES,
    )


def epochs_of(count: int, width: int, device: str, recorded: bool) -> Callable[[], None]:
    """A function that trains one more epoch."""
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        PrinterCallback,
        Trainer,
        TrainingArguments,
    )

    from memest.integrations.transformers import watch

    torch.manual_seed(0)
    texts = torch.randint(0, WORDS, (count, LENGTH))
    data = [{"input_ids": words, "labels": n % CLASSES} for n, words in enumerate(texts)]
    network = BertForSequenceClassification(
        BertConfig(
            vocab_size=WORDS,
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_labels=CLASSES,
        )
    )
    arguments = TrainingArguments(
        tempfile.mkdtemp(prefix="memest-"),
        num_train_epochs=1,
        per_device_train_batch_size=BATCH,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=device == "cpu",
    )
    trainer = Trainer(network, arguments, train_dataset=data)
    trainer.remove_callback(PrinterCallback)
    if recorded:
        watch(trainer)
    return trainer.train  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
