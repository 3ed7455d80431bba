"""The fault laboratory: a whole house under load, a nemesis that breaks it, and a checker that trusts nobody's word.

The load (`traffic`) and the judgement (`checker`, `keys`) share no code with the service: what both got wrong would hide.
"""
