"""What MLproject calls: one thin file per stage."""
