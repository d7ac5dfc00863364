"""How scores are measured: shared passes, micro-batches, gathering by id, timing."""
