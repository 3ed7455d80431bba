"""HTTP to receivers of somebody else's choice: where we may connect, for how long, and how little of an answer is believed."""
