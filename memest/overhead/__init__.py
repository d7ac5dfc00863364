"""What scoring may cost and what it did cost: schedule, budget, prices, costs."""
