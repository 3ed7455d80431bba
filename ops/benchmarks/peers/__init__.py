"""What others would have written: subjects to compare with, never part of the service."""
