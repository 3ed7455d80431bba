"""wip"""
def measure(bench): raise NotImplementedError
