# Was schiefgeht.
problem-field = Betroffen:
problem-rule = Regel:
problem-way-sign-in = Anmelden
problem-way-sign-in-again = Erneut anmelden
problem-way-request = Zugriff suchen
