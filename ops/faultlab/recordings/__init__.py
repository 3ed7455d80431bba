"""The fault run for recordings: they are made, heard, held and deleted, everything breaks, and every byte is accounted for."""
