"""What a run is: its configuration, data, key, sheet, description, report and resume point."""
