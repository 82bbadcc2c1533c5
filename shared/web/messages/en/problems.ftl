# What goes wrong.
problem-field = At fault:
problem-rule = Rule:
problem-way-sign-in = Sign in
problem-way-sign-in-again = Sign in again
problem-way-request = Search for access
