"""The stages, each the whole method on one screen, and the command line beside them."""
