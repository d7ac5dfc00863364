"""The grammar: a name with literal keywords, for everything a configuration can name."""
