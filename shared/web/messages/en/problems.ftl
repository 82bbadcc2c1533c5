# What goes wrong.
error-field = At fault:
error-rule = Rule:
error-way-sign-in = Sign in
error-way-sign-in-again = Sign in again
error-way-request = Search for access
