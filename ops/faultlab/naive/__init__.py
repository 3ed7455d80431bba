"""What one would write first, and write well: Flask, the SDK's validator, apply_async, a worker that stores.

Every setting that is known to help is on. It is here to lose events: a checker that passes it proves nothing.
"""
