"""What makes or reads videos."""
