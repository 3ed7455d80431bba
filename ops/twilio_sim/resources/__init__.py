"""The things Twilio's REST API shows: numbers, messages, calls, recordings."""
