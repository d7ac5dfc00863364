"""What happens to a run when something breaks: each fault is caused for real, on real servers, and judged."""
