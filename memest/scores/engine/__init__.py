"""How scores are measured: the scorer, its micro-batches, gathering by id, timing."""
