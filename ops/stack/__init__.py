"""Runs the whole house on one machine: stores, processes, their order, their health and their end."""
