"""Stand-ins of the sibling services, for the sandbox and the tests: what they accept, refuse and call back."""
