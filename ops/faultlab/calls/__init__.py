"""The fault run for calls: people call, clients control, everything breaks, and the simulator says how each call went."""
