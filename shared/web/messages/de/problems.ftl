# Was schiefgeht.
error-field = Betroffen:
error-rule = Regel:
error-way-sign-in = Anmelden
error-way-sign-in-again = Erneut anmelden
error-way-request = Zugriff suchen

# Überschriften nach Status.
error-title-400 = Das war nicht zu lesen
error-title-401 = Melden Sie sich zuerst an
error-title-403 = Das dürfen Sie nicht
error-title-404 = Hier ist nichts
error-title-405 = So geht das nicht
error-title-409 = Das passt nicht mehr
error-title-413 = Das ist zu groß
error-title-415 = Das war nicht zu lesen
error-title-422 = Etwas ist nicht so, wie es sein muss
error-title-429 = Das war zu oft
error-title-500 = Mit Hourglass stimmt etwas nicht
error-title-503 = Hourglass kann gerade nicht antworten
error-title-other = Das hat nicht geklappt

# Was abgelehnt wird, bevor eine Regel gefragt wird, nach Code.
error-not-found = Unter dieser Adresse ist nichts, oder nichts, was Sie sehen dürfen. Ein Link kann alt oder abgeschnitten sein.
error-too-large = Was gesendet wurde, ist zu groß.
error-form-token = Dieses Formular gehört zu einer anderen Anmeldung. Öffnen Sie die Seite neu und wiederholen Sie, was Sie getan haben.
error-cross-origin = Dieser Aufruf kommt nicht von einer Seite von Hourglass und wurde deshalb nicht ausgeführt.
error-method-not-allowed = Diese Adresse nimmt solche Aufrufe nicht an.
error-unavailable = Hourglass kann das gerade nicht. Versuchen Sie es in einigen Sekunden noch einmal.
error-internal = In Hourglass ist etwas schiefgegangen.
error-sign-in-recent = Sie haben sich vor mehr als 15 Minuten angemeldet, und das ist hierfür zu lange her. Melden Sie sich erneut an und wiederholen Sie es.
error-signed-out = Sie sind nicht mehr angemeldet. Melden Sie sich erneut an und wiederholen Sie, was Sie getan haben.
