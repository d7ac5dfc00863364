"""The commands, one a file, each its whole method on one screen."""
