# Die Seiten der Verwaltung.
admin-title = Verwaltung
admin-tabs = Abschnitte
admin-tab-home = Übersicht
admin-tab-directory = Verzeichnis
admin-tab-entitlements = Berechtigungen
admin-tab-template = Vorlage
admin-tab-integrations = Anbindungen
admin-tab-scim = SCIM
admin-tab-drift = Abweichungen
admin-tab-revocations = Entzüge
admin-tab-kill-switch = Notschalter

admin-checklist = Einzurichten
admin-step-scim = Entra stellt Personen und Gruppen über SCIM bereit
admin-step-scim-at = zuletzt gehört { $at }
admin-step-azure = Die Anbindung an Azure antwortet
admin-step-azure-at = geantwortet { $at }
admin-step-approvers = Wer üblicherweise genehmigt, ist benannt
admin-step-entitlement = Eine Gruppe kann angefragt werden
admin-step-passkey = Sie haben einen Passkey, der zählt
admin-step-done = erledigt
admin-step-not-yet = noch nicht
admin-overdue =
    { $count ->
        [one] Eine Mitgliedschaft ist überfällig: Sie hätte vor mehr als 10 Minuten enden sollen.
       *[other] { $count } Mitgliedschaften sind überfällig: Sie hätten vor mehr als 10 Minuten enden sollen.
    }
admin-overdue-look = Warum, und was von Hand zu tun ist
admin-paused =
    { $count ->
        [one] Der Notschalter hält Genehmigungen an einer Stelle zurück.
       *[other] Der Notschalter hält Genehmigungen an { $count } Stellen zurück.
    }
admin-paused-look = Wo
admin-state = Jetzt
admin-state-scim = Bereitstellung zuletzt gehört
admin-state-silent = seit mehr als 3 Stunden still
admin-state-azure = Azure hat zuletzt geantwortet
admin-state-secret = Das Geheimnis der Anbindung endet
admin-state-secret-soon = erneuern
admin-state-unknown = nicht bekannt
admin-state-application = Anwendung

admin-done-saved = Gespeichert.
admin-done-switched-on = Eingeschaltet.
admin-search = Name oder Beschreibung
admin-search-go = Suchen
admin-switch-on = Bereitgestellte Gruppen einschalten
admin-switch-on-what = Jede Gruppe wird zu einer eigenen Berechtigung nach den Regeln der Vorlage: Es entscheiden die dort Benannten, und niemand darf anfragen, bis Sie sagen, wer.
admin-switch-on-go = Die gewählten Gruppen einschalten
admin-entitlements-title = Berechtigungen
admin-entitlements-none = Noch kann nichts angefragt werden. Schalten Sie eine bereitgestellte Gruppe ein.
admin-entitlements-none-like = Keine Berechtigung hat „{ $text }“ im Namen oder in der Beschreibung.
admin-entitlements-count =
    { $count ->
        [one] Eine Berechtigung
       *[other] { $count } Berechtigungen
    }
admin-entitlement-new = Neue Berechtigung
admin-col-name = Name
admin-col-state = Zustand
admin-col-eligible = Wer anfragen darf
admin-col-quorum = Genehmigung
admin-col-targets = Gruppen
admin-col-user-name = Benutzername
admin-col-changed = Letzte Änderung
admin-col-use = Benutzt als
admin-critical = kritisch
admin-on = kann angefragt werden
admin-off = ausgeschaltet
admin-quorum-of =
    { $count ->
        [one] eine Person
       *[other] { $count } Personen
    }
admin-approval-none-short = nach Regel selbst genehmigt
admin-seal-broken-short = Siegel gebrochen
admin-seal-broken = Hierdurch wird nichts gewährt: Was gespeichert ist, wurde nicht hier gespeichert. Prüfen Sie alles und speichern Sie es erneut.

admin-approvers-now = Wer genehmigen kann
admin-approvers-count =
    { $people ->
        [one] eine Person
       *[other] { $people } Personen
    }, { $keys } mit Passkey
admin-approvers-few = mindestens { $wanted } sollten einen Passkey haben
admin-targets-now = Gruppen in Entra
admin-role-assignable = Rollen zuweisbar
admin-target-good = benutzbar
admin-target-unchecked = noch nicht angesehen; das dauert einige Sekunden
admin-more = Siehe auch
admin-see-history = Verlauf
admin-see-drift = Abweichungen
admin-see-kill = Notschalter

admin-part-what = Was es ist
admin-part-who = Wer anfragen darf
admin-part-approval = Wer genehmigt
admin-part-time = Für wie lange
admin-part-why = Gründe
admin-part-care = Besondere Sorgfalt
admin-name = Name
admin-name-hint = Wonach gesucht wird.
admin-description = Beschreibung
admin-description-hint = Was jemand damit tun kann, in ein, zwei Sätzen.
admin-targets = Gruppen
admin-targets-hint = Eine je Zeile, höchstens 20: der Name einer bereitgestellten Gruppe oder ihre Objekt-ID in Entra. Man wird Mitglied in allen.
admin-how-to = Wie man es benutzt
admin-how-to-hint = Für alle, die es haben: wo man sich anmeldet, was danach zu tun ist.
admin-how-to-link = Mehr dazu
admin-how-to-link-hint = Eine https-Adresse, etwa eine Anleitung.
admin-enabled = Kann angefragt werden
admin-eligible = Wer anfragen darf
admin-eligible-nobody = niemand
admin-eligible-only = nur diese
admin-eligible-everyone = alle
admin-eligible-list = Nur diese
admin-people-hint = Eine Angabe je Zeile: ein Benutzername, der Name einer Gruppe oder eine ID. Bei Gruppen zählen die direkten Mitglieder.
admin-on-behalf = Man darf es für andere anfragen, die es haben dürfen
admin-on-behalf-hint = Wer es bekommt, erfährt es.
admin-approval = Genehmigung
admin-approval-required = andere genehmigen
admin-approval-none = niemand: Wer anfragen darf, aktiviert es mit dem eigenen Passkey (nach Regel selbst genehmigt)
admin-quorum = Wie viele genehmigen müssen
admin-quorum-hint = 1 bis 5 verschiedene Personen.
admin-approvers = Genehmigende
admin-approvers-hint = Eine Angabe je Zeile: ein Benutzername, der Name einer Gruppe oder eine ID. Leer entscheiden die in der Vorlage Benannten.
admin-delegates = Wen sie als Vertretung benennen dürfen
admin-delegates-hint = Eine Angabe je Zeile. Leer vertritt sie niemand.
admin-factor = Womit sie sich ausweisen
admin-factor-any = mit einem Passkey oder einer frischen Anmeldung mit zweitem Faktor
admin-factor-passkey = immer mit einem Passkey
admin-attestation = Welche Passkeys zählen
admin-attestation-any = alle
admin-attestation-device = solche, die ihr Gerät nicht verlassen können
admin-attestation-models = solche dieser Modelle
admin-models = Modelle (AAGUIDs)
admin-models-hint = Eines je Zeile, wie der Hersteller sie veröffentlicht.
admin-durations = Dauern
admin-durations-hint = Keine gewählt heißt: die der Vorlage.
admin-maximum = Höchstens insgesamt, mit Verlängerungen
admin-maximum-hint = Etwa 12h oder 7d. Leer: eine Woche.
admin-exact = Endet auf die Sekunde
admin-exact-hint = Sonst innerhalb der Minute. Kritische tun es immer.
admin-justification = Wenigste Zeichen einer Begründung
admin-ticket = Ein Ticket muss angegeben werden
admin-ticket-prefix = Tickets beginnen mit
admin-ticket-prefix-hint = Etwa INC-; der Rest sind Ziffern.
admin-is-critical = Kritisch
admin-is-critical-hint = Für mächtige Gruppen: Genehmigung nur mit Passkey, Ende auf die Sekunde, neue Passkeys müssen einen Tag alt sein.
admin-emergency = Wer es im Notfall ohne Anfrage aktivieren darf
admin-emergency-hint = Eine Angabe je Zeile. Leer niemand. Jede Benutzung wird sofort gemeldet und von einer anderen Person geprüft.
admin-emergency-maximum = Höchstens für
admin-save-entitlement = Diese Berechtigung speichern

admin-users-title = Personen
admin-groups-title = Gruppen
admin-links = Verbundene Konten
admin-users-search = Benutzername oder ID
admin-groups-search = Name einer Gruppe oder ID
admin-users-none = Noch wurde niemand bereitgestellt.
admin-groups-none = Noch wurde keine Gruppe bereitgestellt.
admin-none-named = Nichts heißt genau „{ $text }“.
admin-active = aktiv
admin-inactive = ausgeschaltet
admin-our-id = ID in Hourglass
admin-object-id = Objekt-ID in Entra
admin-no-object-id = keine: externalId in der Bereitstellung von Entra auf objectId abbilden
admin-accounts = Verbundene Konten
admin-accounts-none = Kein anderes Konto dieser Person ist bekannt.
admin-linked-by-admin = von einem Admin verbunden
admin-linked-by-attribute = durch das gewählte Attribut verbunden
admin-user-no-groups = In keiner bereitgestellten Gruppe.
admin-and-more = … und weitere.
admin-make-entitlement = Anfragen ermöglichen
admin-members = Mitglieder
admin-members-hint = Wie Entra sie bereitgestellt hat, bis zu 40 Minuten alt. Wen Hourglass hineinbringt, erscheint hier, sobald Entra es uns gesagt hat.
admin-members-none = Niemand ist darin.
admin-group-is-source = Genehmigende oder Anfragende kommen daraus, daher kann sie nicht angefragt werden.
admin-group-used =
    { $count ->
        [one] schon eine Berechtigung
       *[other] schon { $count } Berechtigungen
    }

admin-template-title = Vorlage
admin-template-what = { $key } enthält, was unter jeder Berechtigung gilt.
admin-default-approvers = Wer üblicherweise genehmigt
admin-template-durations = Dauern, für die überhaupt angefragt werden darf
admin-more-durations = Weitere Dauern
admin-more-durations-hint = Durch Leerzeichen getrennt, etwa 4h 3d.
admin-ttl = Wie lange eine Anfrage wartet
admin-ttl-hint = Danach verfällt sie. 5 Minuten bis 30 Tage, etwa 8h.
admin-messages = Texte der Nachrichten
admin-messages-hint = Was gesendet wird, sobald Nachrichten eingerichtet sind. Nur was neben jedem Text steht, kann eingesetzt werden. Ein geleerter Text wird wieder zum üblichen.
admin-message-request-to-approvers = An Genehmigende: eine Anfrage
admin-message-request-approved = An Anfragende: genehmigt
admin-message-request-denied = An Anfragende: abgelehnt
admin-message-access-active = Der Zugriff ist da
admin-message-access-ends-soon = Der Zugriff endet bald
admin-message-access-ended = Der Zugriff ist vorbei
admin-message-preview = Liest sich so
admin-save-template = Die Vorlage speichern
admin-look = Zeigen, wie die Texte sich lesen

admin-done-sessions-ended = Alle Sitzungen wurden beendet.
admin-keys = Passkeys
admin-keys-none = Kein Passkey.
admin-keys-more = Wartende und verlorene Passkeys
admin-key-waiting = wartet auf Bestätigung
admin-key-removed = entfernt
admin-key-usable = in Gebrauch
admin-key-void = ungültig: für eine andere Adresse der Konsole gemacht
admin-sessions = Sitzungen
admin-sessions-none = Nirgends angemeldet.
admin-session-began = seit
admin-session-used = zuletzt benutzt
admin-sessions-end = Alle Sitzungen beenden
admin-sessions-end-what = { $name } muss sich in jedem Browser neu anmelden. Bestehender Zugriff läuft weiter.

admin-alone = Bis sich ein zweiter Admin angemeldet hat, ändert ein Admin alles allein. Danach brauchen Änderungen, die Zugriff erleichtern, zwei.
admin-tab-changes = Änderungen
admin-step-second = Ein zweiter Admin hat sich angemeldet
admin-changes-wait =
    { $count ->
        [one] Eine Änderung wartet auf ihre Unterschriften.
       *[other] { $count } Änderungen warten auf ihre Unterschriften.
    }
admin-changes-look = Ansehen
