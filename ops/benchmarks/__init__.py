"""Measures the service against peers and against faults, on loopback, by one command: `./ops/bench ingress`, or `sms`."""
