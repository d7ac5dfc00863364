"""The paper as a tenant: its published numbers, its experiments' analyses, the ledger, the leak audit."""
