"""What is measured: one module a question, each with `measure(bench) -> Section`."""
