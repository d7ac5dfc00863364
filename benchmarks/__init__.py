"""Measurements that back a claim: each runs by itself, prints a table and writes its figures as JSON."""
