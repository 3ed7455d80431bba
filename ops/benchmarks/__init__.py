"""Measures the ingress against peers and against faults, on loopback, by one command: `./ops/bench ingress`."""
