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
