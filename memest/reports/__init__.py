"""Renderers of typed tables: figures, text and HTML."""
