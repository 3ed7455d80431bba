"""The fault run for sending: texts are asked for, everything breaks, and the simulator's ledger says what Twilio got."""
