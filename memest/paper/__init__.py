"""The paper: its published numbers, the analyses of its experiments, the ledger, the leak audit."""
