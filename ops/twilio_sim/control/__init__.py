"""The side of the simulator that Twilio does not have: placing calls, reading history, bending the world."""
