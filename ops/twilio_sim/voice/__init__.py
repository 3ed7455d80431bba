"""Calls: lines that are going on, the TwiML they run, the legs they dial, the sound they keep."""
