# Was schiefgeht.
error-field = Betroffen:
error-rule = Regel:
error-way-sign-in = Anmelden
error-way-sign-in-again = Erneut anmelden
error-way-request = Zugriff suchen
