### Alles, was die Seiten sagen, auf Deutsch.

## Der Rahmen jeder Seite, Zeiten, und was Skripte sagen.

brand = Hourglass
skip = Zum Inhalt
nav = Konsole
nav-request = Anfragen
nav-access = Mein Zugriff
nav-inbox = Eingang
nav-history = Verlauf
nav-admin = Verwaltung
nameless = Angemeldet, nicht bereitgestellt
menu-passkeys = Passkeys
menu-sessions = Wo Sie angemeldet sind
menu-delegates = Vertretungen
menu-language = Sprache
menu-theme = Farben
menu-sign-out = Abmelden
theme-system = wie das System
theme-light = hell
theme-dark = dunkel

format-minute = %-d.%-m.%Y, %H:%M
format-clock = %H:%M
format-day = %-d.%-m.%Y

left = noch { $time }
left-none = vorbei
span-seconds = { $seconds } s
span-minutes = { $minutes } Min.
span-hours = { $hours } Std.
span-hours-minutes = { $hours } Std. { $minutes } Min.
span-days = { $days } T.
span-days-hours = { $days } T. { $hours } Std.

script-copied = Kopiert
script-signing-in = Neue Anmeldung …
script-no-answer = Hourglass hat nicht wie erwartet geantwortet. Nichts wurde geändert; versuchen Sie es erneut.
script-not-used = Der Passkey wurde nicht benutzt: Der Vorgang wurde abgebrochen, dauerte zu lange, oder Sie wurden nicht erkannt. Nichts wurde geändert.
script-known-already = Dieses Gerät hat bereits einen Passkey für Ihr Konto.
script-no-passkeys = Dieser Browser kann keine Passkeys benutzen. Öffnen Sie diese Adresse in Ihrem üblichen Browser:
script-no-connection = Hourglass war nicht zu erreichen. Ob sich etwas geändert hat, ist nicht bekannt; sehen Sie nach, bevor Sie es wiederholen.
script-old-browser = Dieser Browser ist zu alt für die Passkeys, die hier benutzt werden. Aktualisieren Sie ihn, oder öffnen Sie diese Adresse in einem anderen:
script-old = Nicht auf dem neuesten Stand seit { $time }. Laden Sie die Seite neu; vielleicht müssen Sie sich neu anmelden.
script-waiting = Warten auf Ihren Passkey …

more = Mehr
copy = Kopieren
no-script-passkey = Ein Passkey braucht Skript, das in diesem Browser ausgeschaltet ist.
form-wrong = Das wurde nicht gespeichert:

## Was schiefgeht.

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
error-malformed = Was gesendet wurde, ist nicht zu lesen.
error-content-type = Was gesendet wurde, ist von einer Art, die hier nicht gelesen wird.
error-invalid = Das steht nicht zur Wahl.

## Wie ein Formular seine Felder nennt, wo ein Fehler nicht daneben steht. Die der Konfiguration sind changes-field-….

field-duration = Dauer
field-justification = Begründung
field-ticket = Ticket
field-starts-at = Beginn
field-beneficiary = Für wen
field-reason = Grund
field-comment = Kommentar
field-evidence = Nachweis
field-delegate = Vertretung
field-until = Bis
field-from = Von
field-to = Bis
field-state = Stand
field-decision = Entscheidung
field-entitlement = Berechtigung
field-groups = Gruppen
field-group = Gruppe
field-account = Konto
field-users = Konten
field-one = Ein Konto
field-other = Das andere Konto
field-q = Suche
field-id = ID
field-tenant = Mandant
field-tenant-id = Mandant
field-client-secret = Geheimnis
field-access-token = Zugriffstoken
field-cloud = Cloud
field-scope = Bereich
field-confirmation = Bestätigung
field-confirm = Bestätigung
field-ticket-prefix = Anfang eines Tickets
field-cursor = Stelle in der Liste
field-voids = Zahl der Passkeys
field-version = Version

## Warum ein Ziel nicht vergeben werden kann und warum ein Siegel nicht hält.

target-problem-missing = die Gruppe gibt es im Verzeichnis nicht
target-problem-dynamic = ihre Mitglieder bestimmt eine Regel, einzelne lassen sich nicht hinzufügen
target-problem-on-premises-synced = sie kommt aus einem lokalen Verzeichnis und lässt sich nur dort ändern
target-problem-mail-enabled = sie ist E-Mail-aktiviert, und solche Gruppen lassen sich nicht über Microsoft Graph verwalten
target-problem-not-security = sie ist keine Sicherheitsgruppe
target-problem-management-restricted = sie liegt in einer Verwaltungseinheit mit eingeschränkter Verwaltung
target-problem-role-assignable = sie kann Verzeichnisrollen tragen, deshalb muss die Berechtigung als kritisch markiert sein
seal-problem-missing = es trägt kein Siegel
seal-problem-elsewhere = es liegt, wo es nicht hingehört
seal-problem-broken = sein Siegel hält nicht

## Ein Satz für jeden Code einer Ablehnung, mit den Angaben, die hourglass_domain::refusal::Refusal::parameters nennt. Auf
## Englisch steht er im Code selbst.

problem-invalid-field = { $field }: { $rule }
problem-nobody-named =
    { $what ->
        [user] { $field }: Es gibt kein Konto mit dem Benutzernamen, der Objekt-ID oder der ID { $text }
        [group] { $field }: Es gibt keine Gruppe mit dem Namen, der Objekt-ID oder der ID { $text }
       *[other] { $field }: Es gibt weder ein Konto noch eine Gruppe mit dem Namen, der Objekt-ID oder der ID { $text }
    }
problem-several-named = { $field }: { $text } bezeichnet mehr als ein Konto oder eine Gruppe; geben Sie die Objekt-ID an
problem-not-found =
    { $what ->
        [entitlement] Diese Berechtigung gibt es nicht, oder Sie dürfen sie nicht sehen.
        [request] Diese Anfrage gibt es nicht, oder Sie dürfen sie nicht sehen.
        [grant] Diesen Zugang gibt es nicht, oder Sie dürfen ihn nicht sehen.
        [user] Dieses Konto gibt es nicht.
        [group] Diese Gruppe gibt es nicht.
        [application] Diese Anwendung gibt es nicht.
        [passkey] Diesen Passkey gibt es nicht.
        [waiting-passkey] Diesen wartenden Passkey gibt es nicht.
        [delegation] Diese Vertretung gibt es nicht.
        [session] Diese Anmeldung gibt es nicht.
        [emergency] Diesen Notfall gibt es nicht.
        [decision] Diese Entscheidung gibt es nicht.
        [change] Diese Änderung gibt es nicht, oder Sie dürfen sie nicht sehen.
       *[other] Das gibt es nicht, oder Sie dürfen es nicht sehen.
    }
problem-role-missing = Dafür brauchen Sie die Rolle { $role }.
problem-scope-missing = Dafür braucht das Token den Scope { $scope }; es trägt ihn nicht, oder sein Client darf ihn nicht verwenden.
problem-not-provisioned = Ihr Konto wurde Hourglass nicht über SCIM bereitgestellt und kann deshalb weder anfragen noch genehmigen.
problem-account-inactive = Das Konto ist nicht aktiv.
problem-entitlement-disabled = { $name } kann nicht angefragt werden: Es ist abgeschaltet.
problem-target-unchecked = { $target } wurde in seinem Verzeichnis noch nicht geprüft; das dauert einige Sekunden, nachdem es eingeschaltet wurde.
problem-target-unusable =
    { $problem ->
        [missing] { $target } kann nicht angefragt werden: Die Gruppe gibt es im Verzeichnis nicht.
        [dynamic] { $target } kann nicht angefragt werden: Ihre Mitglieder bestimmt eine Regel, einzelne lassen sich nicht hinzufügen.
        [on_premises_synced] { $target } kann nicht angefragt werden: Sie kommt aus einem lokalen Verzeichnis und lässt sich nur dort ändern.
        [mail_enabled] { $target } kann nicht angefragt werden: Sie ist E-Mail-aktiviert, und solche Gruppen lassen sich nicht über Microsoft Graph verwalten.
        [not_security] { $target } kann nicht angefragt werden: Sie ist keine Sicherheitsgruppe.
        [management_restricted] { $target } kann nicht angefragt werden: Sie liegt in einer Verwaltungseinheit mit eingeschränkter Verwaltung.
        [role_assignable] { $target } kann nicht angefragt werden: Sie kann Verzeichnisrollen tragen, deshalb muss die Berechtigung als kritisch markiert sein.
       *[other] { $target } kann nicht angefragt werden.
    }
problem-not-eligible = Sie gehören nicht zu denen, die { $name } anfragen dürfen.
problem-no-longer-eligible = Die Person, für die es ist, darf { $name } nicht mehr haben; deshalb kann es nicht genehmigt werden.
problem-duration-not-allowed = { $asked } ist hier keine erlaubte Dauer; erlaubt sind { $allowed }.
problem-too-few-approvers =
    { $quorum ->
        [one] Dafür muss eine andere Person zustimmen,
       *[other] Dafür müssen { $quorum } andere Personen zustimmen,
    } { $available ->
        [0] und niemand sonst kann es.
        [one] und nur eine kann es.
       *[other] und nur { $available } können es.
    } Ein Admin muss der Berechtigung oder der Vorlage weitere Genehmigende hinzufügen.
problem-already-requested = Sie haben bereits eine offene Anfrage für { $name }.
problem-already-held = { $name } ist bereits bis { $until } vergeben: Verlängern Sie diesen Zugang, oder fragen Sie für einen Beginn danach an.
problem-too-many-open-requests = Sie haben { $open } offene Anfragen; höchstens { $limit } dürfen gleichzeitig warten.
problem-too-many-requests = Sie haben zu viel angefragt: Höchstens { $most } Anfragen in { $minutes } Minuten sind erlaubt. Versuchen Sie es in { $seconds } Sekunden wieder.
problem-too-many-prompts = Bei denen, die das genehmigen, warten schon zu viele Anfragen: Höchstens { $most } in { $minutes } Minuten sind erlaubt. Versuchen Sie es in { $seconds } Sekunden wieder.
problem-too-many-failed-ceremonies = Zu viele Versuche mit einem Passkey sind gescheitert: Höchstens { $most } in { $minutes } Minuten sind erlaubt. Versuchen Sie es in { $seconds } Sekunden wieder.
problem-too-many-reminders = Sie haben die Genehmigenden zu oft erinnert: Höchstens { $most } Erinnerungen in { $minutes } Minuten sind erlaubt. Versuchen Sie es in { $seconds } Sekunden wieder.
problem-request-not-pending = Diese Anfrage { $status ->
        [approved] ist bereits genehmigt
        [denied] ist bereits abgelehnt
        [cancelled] wurde zurückgezogen
        [lapsed] ist verfallen
       *[other] ist noch offen
    } und kann deshalb nicht { $wanted ->
        [approved] genehmigt
        [denied] abgelehnt
        [cancelled] zurückgezogen
        [activated] aktiviert
        [reminded] in Erinnerung gerufen
       *[other] entschieden
    } werden.
problem-request-lapsed = Diese Anfrage ist am { $at } verfallen.
problem-own-access = Niemand entscheidet über den eigenen Zugang.
problem-not-approver = Sie gehören nicht zu denen, die { $name } genehmigen.
problem-guest-approver = Gastkonten können nicht genehmigen.
problem-already-decided = Sie haben über diese Anfrage bereits entschieden.
problem-policy-changed = Die Regeln von { $name } haben sich geändert, nachdem diese Anfrage gestellt wurde; sie kann deshalb nicht genehmigt werden und muss neu gestellt werden.
problem-duration-longer = Genehmigt werden kann für weniger als die angefragten { $asked }, nicht für mehr.
problem-passkey-required = { $name } wird mit einem Passkey genehmigt; entscheiden Sie im Eingang der Konsole.
problem-step-up-required =
    { $why ->
        [no_auth_time] Dafür ist ein frischer zweiter Faktor nötig, und das Token sagt nicht, wann Sie sich angemeldet haben (auth_time).
        [stale] Dafür ist ein frischer zweiter Faktor nötig: Sie haben sich vor mehr als 5 Minuten angemeldet.
       *[other] Dafür ist ein frischer zweiter Faktor nötig, und das Token zeigt keinen (v1: amr mit mfa; v2: acrs mit dem eingestellten Kontext).
    }
problem-step-up-unproved =
    { $why ->
        [context_unchecked] Der acrs-Wert des Tokens zählt erst, wenn Hourglass die Richtlinie für bedingten Zugriff dahinter gesehen hat, und das hat es in Ihrem Mandanten nicht: Ein Admin muss die Azure-Anbindung einrichten.
        [context_stale] Hourglass hat die Richtlinie für bedingten Zugriff hinter dem acrs-Wert des Tokens vor mehr als 24 Stunden zuletzt gesehen: Ein Admin muss nachsehen, warum die Azure-Anbindung nicht antwortet.
        [context_not_permitted] Hourglass darf die Richtlinie für bedingten Zugriff hinter dem acrs-Wert des Tokens nicht lesen: Ein Admin muss Policy.Read.All für den Connector zustimmen, oder Sie verwenden einen Passkey.
        [context_unprotected] Keine eingeschaltete Richtlinie für bedingten Zugriff verlangt für den acrs-Wert des Tokens von allen einen zweiten Faktor: Ein Admin muss eine anlegen (nur Bericht zählt nicht), oder Sie verwenden einen Passkey.
        [context_excluded] Die Richtlinie für bedingten Zugriff hinter dem acrs-Wert des Tokens nimmt Ihr Konto aus, der Wert sagt also nichts über Sie: Ein Admin muss die Ausnahme streichen, oder Sie verwenden einen Passkey.
       *[other] Die Richtlinie für bedingten Zugriff hinter dem acrs-Wert des Tokens nimmt eine Gruppe oder Rolle aus, von der Hourglass nicht weiß, ob Sie darin sind: Ein Admin muss die Gruppe bereitstellen oder die Ausnahme streichen, oder Sie verwenden einen Passkey.
    }
problem-approver-loop = { $group } kann nicht zugleich festlegen, wer genehmigt oder anfragen darf, und selbst angefragt werden.
problem-grant-not-live = Dieser Zugang { $status ->
        [approved] ist genehmigt und hat noch nicht begonnen
        [activating] wird gerade eingerichtet
        [active] ist aktiv
        [ending] endet bereits
        [closed_by_hand] wurde von Hand abgeschlossen
       *[other] ist bereits beendet
    } und kann deshalb nicht { $wanted ->
        [extended] verlängert
       *[other] beendet
    } werden.
problem-grant-over = Dieser Zugang endete am { $at } und kann deshalb nicht verlängert werden; fragen Sie neu an.
problem-not-failing = Von Hand abschließen lässt sich nur ein Zugang, der endet und dessen Entfernen seit mindestens { $minutes } Minuten misslingt.
problem-beyond-maximum = { $name } darf verlängert höchstens bis { $latest } dauern; fragen Sie für weniger Zeit an, oder neu.
problem-already-extending = Es gibt bereits eine offene Anfrage, diesen Zugang zu verlängern.
problem-extended-too-often = Dieser Zugang wurde schon { $limit }-mal verlängert; fragen Sie neu an.
problem-targets-changed = { $name } gibt heute etwas anderes als bei der Genehmigung dieses Zugangs; er kann deshalb nicht verlängert werden. Fragen Sie neu an.
problem-removal-overdue = In dieser Anwendung ist ein Entfernen seit { $since } überfällig; es wird nichts gewährt, bis es erledigt oder von Hand abgeschlossen ist.
problem-credential-ends = Das Geheimnis der Azure-Anbindung läuft am { $ends_at } ab, weniger als 7 Tage nach dem Ende dieses Zugangs ({ $until }); ein Admin muss es vorher ersetzen, oder es wird für weniger Zeit genehmigt.
problem-in-use = Es gibt Zugänge zu { $name }, die noch nicht beendet sind; bis dahin kann ihr kein Ziel genommen werden.
problem-paused = { $what ->
        [all-access] Jeder Zugang
        [access-to-this-entitlement] Der Zugang zu dieser Berechtigung
       *[other] Der Zugang einer Person, die hier beteiligt ist,
    } ist seit { $since } durch den Notaus gestoppt; es geht weiter, wenn zwei Admins ihn freigeben.
problem-kill-under-way = Der Notaus wird noch ausgeführt; er lässt sich freigeben, sobald alles in seinem Bereich endet.
problem-release-proposed = Ein anderer Admin hat diese Freigabe vorgeschlagen; bestätigen Sie sie, indem Sie den Vorschlag nennen.
problem-second-admin = Das braucht zwei Admins: Einer schlägt es vor, eine andere Person bestätigt es.
problem-already-linked = Diese Konten gehören schon zu einer Person.
problem-not-linked = Dieses Konto hat kein Admin mit einem anderen verbunden; was ein Attribut verbindet, wird an seiner Quelle getrennt.
problem-own-links = Niemand verbindet oder trennt die eigenen Konten: Das muss ein anderer Admin tun.
problem-changed = Jemand anderes hat es inzwischen geändert; lesen Sie es noch einmal.
problem-key-reused = Dieser Idempotency-Key wurde in den letzten 24 Stunden für einen Aufruf mit anderem Inhalt verwendet.
problem-taken = { $field }: { $value } ist schon vergeben.
problem-too-many-grants = Es gibt schon { $limit } Zugänge zu { $target }, die nicht beendet sind; fragen Sie wieder an, wenn es weniger sind.
problem-passkey-expected = Sie haben einen Passkey, also entscheiden Sie damit, im Eingang der Konsole; eine Anmeldung genügt nicht.
problem-key-not-taken =
    { $needs ->
        [a-key-that-cannot-leave-its-device] Dieser Passkey genügt hier nicht: Nötig ist einer, der sein Gerät nicht verlassen kann.
       *[other] Dieser Passkey genügt hier nicht: Nötig ist einer von einem Modell auf der Liste, und er muss es beweisen.
    }
problem-key-cools-down = Dieser Passkey ist neu und zählt hier ab { $until }.
problem-key-waits = Diesen Passkey hat noch niemand bestätigt.
problem-too-many-keys = Sie haben schon { $limit } Passkeys; entfernen Sie zuerst einen.
problem-ceremony-over = Diese Unterschrift wurde vor zu langer Zeit verlangt oder schon verwendet; beginnen Sie von vorn.
problem-ceremony-failed = Die Antwort des Passkeys hält der Prüfung nicht stand ({ $why }); es wurde nichts geändert.
problem-signed-something-else = Was Sie unterschreiben wollten, hat sich geändert; sehen Sie es sich noch einmal an und unterschreiben Sie neu.
problem-set-up-code = Das ist nicht der Code aus der Einrichtung, oder er gilt nicht mehr.
problem-relying-party-changed = Die Passkeys wurden für { $fixed } gemacht, und die Konsole ist jetzt unter { $now }: Ein Admin muss annehmen, dass alle ungültig werden, oder die Adresse wird zurückgestellt.
problem-own-activation = Diese Anfrage genehmigt niemand: Wer den Zugang bekommt, aktiviert ihn mit dem eigenen Passkey. Ablehnen kann man sie.
problem-not-self-activated = Über diese Anfrage entscheiden andere; sie kann nicht aktiviert werden.
problem-emergency-live = Sie haben einen Notfallzugang, der noch nicht zu Ende ist; mehr als einen darf es nicht geben.
problem-emergency-unreviewed = Ihr Notfallzugang vom { $since } wurde nicht rechtzeitig überprüft; bis dahin ist Ihnen dieser Weg verschlossen.
problem-emergency-not-extended = Ein Notfallzugang lässt sich nicht verlängern; fragen Sie auf dem gewöhnlichen Weg an.
problem-change-not-open = Diese Änderung { $status ->
        [waiting_proposer] wartet auf die Unterschrift dessen, der sie vorgeschlagen hat,
        [waiting_second] wartet auf die Unterschrift eines anderen Admins
        [signed] ist von zwei Admins unterschrieben
        [applied] ist in Kraft
        [withdrawn] wurde zurückgezogen
        [lapsed] ist verfallen
       *[other] wurde von einer anderen Änderung überholt
    } und kann deshalb nicht { $wanted ->
        [signed] unterschrieben
        [applied] in Kraft gesetzt
        [explained] erläutert
       *[other] zurückgezogen
    } werden.
problem-proposer-first = Wer sie vorgeschlagen hat, unterschreibt zuerst; diese Änderung wartet auf dessen Passkey.
problem-change-superseded = Wogegen diese Änderung vorgeschlagen wurde, hat sich seither geändert, sie kann also nicht in Kraft treten; schlagen Sie sie neu vor.
problem-change-signature = Eine Unterschrift unter dieser Änderung zählt nicht ({ $why ->
        [missing] sie fehlt
        [unreadable] was unterschrieben wurde, lässt sich nicht lesen
        [something_else] unterschrieben wurde etwas anderes
        [others_key] der Schlüssel gehört jemand anderem
        [key_gone] der Schlüssel wurde seither entfernt
        [signer_gone] wer sie gegeben hat, ist nicht mehr aktiv
        [not_whole] die Änderung ist nicht, was ihre Prüfsumme sagt
       *[other] sie hält der Prüfung nicht stand
    }); ziehen Sie die Änderung zurück und schlagen Sie sie neu vor.
problem-seal-broken =
    { $why ->
        [missing] Was als { $what } gespeichert ist, trägt kein Siegel von Hourglass: Es könnte an Hourglass vorbei geändert worden sein, und es wird nichts damit gewährt.
        [elsewhere] Was als { $what } gespeichert ist, liegt, wo es nicht hingehört: Es könnte an Hourglass vorbei geändert worden sein, und es wird nichts damit gewährt.
       *[other] Was als { $what } gespeichert ist, trägt kein gültiges Siegel von Hourglass: Es könnte an Hourglass vorbei geändert worden sein, und es wird nichts damit gewährt.
    }
problem-form-field = Das Formular hat kein Feld `{ $name }`.
problem-no-template = Die Anwendung hat keine Vorlage für Genehmigungen.
problem-no-integration = Die Anwendung hat keine Azure-Anbindung; es ließe sich also nichts wieder entziehen.
problem-policy-unreadable = Von der Berechtigung lässt sich keine Prüfsumme bilden: { $why }.
problem-signed-unreadable = Was unterschrieben wurde, ist nicht zu lesen: { $why }.
problem-too-many-scim-secrets = Es gelten schon { $limit } SCIM-Geheimnisse; löschen Sie zuerst eines.
problem-too-many-paused = Es sind schon { $limit } Bereiche angehalten; drücken Sie für alles, oder geben Sie erst einige frei.

## Eine Regel, gegen die der Wert eines Feldes verstößt: ein Satzteil, der nach dem Feld weitergeht, für jeden Code von
## hourglass_domain::refusal::Rule. Auf Englisch steht er im Code selbst.

rule-required = fehlt
rule-required-like = fehlt; es sieht aus wie { $example }
rule-like = muss aussehen wie { $example }
rule-shape =
    { $shape ->
        [duration] muss eine Dauer sein wie 30m, 1h oder 2d
        [instant] muss ein Zeitpunkt nach RFC 3339 sein wie 2026-11-21T22:50:57Z
        [day] muss ein Tag sein wie 2026-11-22
        [minute] muss ein Tag mit Uhrzeit sein wie 2026-11-22T09:30
        [whole-number] muss eine ganze Zahl sein
        [link] muss eine Adresse sein wie https://portal.contoso.example/how-to
        [domain] muss ein Domainname sein wie contoso.example
        [tenant] muss die ID eines Mandanten sein (eine GUID)
        [client] muss die ID eines Clients sein (eine GUID)
        [object-id] muss eine Objekt-ID sein (eine GUID)
        [user] muss die ID eines Kontos sein
        [group] muss die ID einer Gruppe sein
        [authenticator-model] muss eine AAGUID sein
        [target] muss entra:<Objekt-ID der Gruppe> sein
        [scim-endpoint] muss https://scim.<Region>.amazonaws.com/<Mandanten-ID>/scim/v2/ sein, wie IAM Identity Center es zeigt
        [press] muss die ID einer Betätigung des Notaus sein
        [proposal] muss die ID eines Vorschlags sein
       *[other] hat nicht die richtige Form
    }
rule-not-shape =
    { $shape ->
        [duration] { $text } ist keine Dauer wie 30m, 1h oder 2d
        [instant] { $text } ist kein Zeitpunkt nach RFC 3339 wie 2026-11-21T22:50:57Z
        [day] { $text } ist kein Tag wie 2026-11-22
        [minute] { $text } ist kein Tag mit Uhrzeit wie 2026-11-22T09:30
        [whole-number] { $text } ist keine ganze Zahl
        [link] { $text } ist keine Adresse wie https://portal.contoso.example/how-to
        [domain] { $text } ist kein Domainname wie contoso.example
        [tenant] { $text } ist nicht die ID eines Mandanten (eine GUID)
        [client] { $text } ist nicht die ID eines Clients (eine GUID)
        [object-id] { $text } ist keine Objekt-ID (eine GUID)
        [user] { $text } ist nicht die ID eines Kontos
        [group] { $text } ist nicht die ID einer Gruppe
        [authenticator-model] { $text } ist keine AAGUID
        [target] { $text } ist nicht entra:<Objekt-ID der Gruppe>
        [scim-endpoint] { $text } ist nicht https://scim.<Region>.amazonaws.com/<Mandanten-ID>/scim/v2/, wie IAM Identity Center es zeigt
        [press] { $text } ist nicht die ID einer Betätigung des Notaus
        [proposal] { $text } ist nicht die ID eines Vorschlags
       *[other] { $text } hat nicht die richtige Form
    }
rule-one-of = muss eines hiervon sein: { $known }
rule-too-short = braucht mindestens { $least } Zeichen
rule-too-long = darf höchstens { $most } Zeichen haben
rule-space-around = darf nicht mit einem Leerzeichen beginnen oder enden
rule-control-character = darf das Steuer- oder Richtungszeichen { $character } nicht enthalten
rule-repeated = darf nur einmal vorkommen
rule-altered = ist nicht, was im Formular stand
rule-cursor = ist keine Stelle, die eine Liste genannt hat
rule-range = muss von { $least } bis { $most } sein
rule-at-most = darf höchstens { $most } sein
rule-count =
    { $of ->
        [durations] muss 1 bis { $most } Dauern nennen
        [targets] muss 1 bis { $most } Ziele nennen
        [groups] muss 1 bis { $most } Gruppen nennen
        [authenticator-models] muss 1 bis { $most } Modelle von Passkeys nennen
       *[other] muss 1 bis { $most } Einträge haben
    }
rule-too-many-accounts = darf höchstens { $most } Konten nennen
rule-too-many-principals = darf höchstens { $most } Konten und ebenso viele Gruppen nennen
rule-target-twice = darf kein Ziel zweimal nennen
rule-two-users = muss zwei Konten nennen
rule-nobody-listed = muss jemanden nennen oder leer bleiben
rule-nobody-approves = muss jemanden nennen, oder es gelten die üblichen Genehmigenden
rule-nobody-in-emergency = muss jemanden nennen, oder es gibt hier keinen Notfallzugang
rule-critical-needs-approval = wird bei einer kritischen Berechtigung verlangt
rule-under-minute = { $duration } ist kürzer als eine Minute
rule-below-duration = darf nicht kürzer sein als { $duration }, die man auf einmal anfragen kann
rule-no-room-for-delegates = muss bei so vielen Zielen und Genehmigungen wegbleiben: Nehmen Sie von einem weniger
rule-ahead = muss in der Zukunft liegen
rule-within-days = muss zwischen jetzt und heute in { $days } Tagen liegen
rule-after-last-day = darf nicht nach dem letzten Tag liegen
rule-not-in-emergency = muss im Notfall wegbleiben
rule-beneficiary-oneself = müssen Sie selbst oder eines Ihrer verbundenen Konten sein; für andere fragt dies niemand an
rule-beneficiary-eligible = müssen Sie selbst, eines Ihrer verbundenen Konten oder jemand sein, der es selbst haben darf
rule-another-person = muss jemand anderes sein als Sie
rule-delegate-not-allowed = muss jemand sein, den die Admins für { $entitlement } als Vertretung zulassen
rule-too-many-linked = wären { $accounts } Konten einer Person; höchstens { $most } dürfen es sein
rule-scope-is-all = muss wegbleiben, wenn der Bereich alles ist
rule-scope-missing = muss sagen, welche Berechtigung oder welches Konto gemeint ist
rule-confirmation = muss die Bestätigung sein, die Ihnen eine Vorschau genau dieses Bereichs in den letzten { $minutes } Minuten gab
rule-sign-in-tenant = muss einer der Mandanten sein, die sich hier anmelden dürfen (ein Parameter des Deployments)
rule-own-tenant = muss Ihr eigener Mandant sein
rule-application-tenant = muss der Mandant der Anwendung sein
rule-client-secret = muss aus 1 bis { $most } druckbaren ASCII-Zeichen ohne Leerzeichen bestehen
rule-group-not-provisioned = { $target } ist keine Gruppe, die über SCIM bereitgestellt wurde
rule-group-without-object-id = { $group } hat noch keine Objekt-ID von Entra: `externalId` wurde nicht bereitgestellt
rule-no-user-here = { $user } ist kein Konto dieser Anwendung
rule-no-group-here = { $group } ist keine Gruppe dieser Anwendung
rule-user-without-object-id = { $user } hat keine Objekt-ID, sodass niemand damit handeln kann
rule-voids = muss { $keys } sein: So viele Passkeys werden ungültig
rule-unknown-message = hat keinen Text `{ $name }`; es gibt { $known }
rule-placeholder-open = { $message }: Auf ein `{"{{"}` folgt kein `{"}}"}`
rule-unknown-placeholder = { $message }: {"{{"} { $placeholder } {"}}"} ist hier nicht bekannt; es gibt { $known }
rule-placeholder-only = { $message }: Ausgefüllt wird nur `{"{{"} name {"}}"}`

## Zustände von Anfragen, Zugängen und Zielen, jeder mit einem Zeichen daneben.

state-waiting = wartet
state-approved = genehmigt
state-denied = abgelehnt
state-cancelled = zurückgezogen
state-lapsed = verfallen
state-live = aktiv
state-scheduled = geplant
state-activating = wird eingerichtet
state-activating-failing = lässt sich noch nicht einrichten
state-active = aktiv
state-active-some = aktiv auf { $present } von { $all }
state-ending = wird entfernt
state-ending-failing = Entfernen scheitert: Zugang besteht noch
state-ended = beendet
state-ended-kept = beendet, Zugang bleibt (ständig)
state-closed-by-hand = von Hand abgeschlossen, unbewiesen
target-waiting = nicht begonnen
target-adding = wird hinzugefügt
target-adding-failing = lässt sich noch nicht hinzufügen
target-present = aktiv
target-removing = wird entfernt
target-removing-unconfirmed = entfernt, wird nachgewiesen
target-removing-failing = Entfernen scheitert: Zugang besteht noch
target-absent = entfernt, nachgewiesen
target-kept-standing = bleibt: war schon vorher da
target-kept-by-other-grant = bleibt durch einen anderen Zugang
target-gone = Gruppe gibt es nicht mehr
target-failed = abgewiesen
target-not-added = nie hinzugefügt
because-expired = Zeit war um
because-checked-in = von der Person beendet
because-revoked = entzogen
because-killed = Notschalter
because-user-deactivated = Konto abgeschaltet
because-target-gone = Gruppe gelöscht
because-removed-outside = im Verzeichnis entfernt
because-failed = ließ sich nicht einrichten
system-entra = Entra
critical = kritisch
emergency = Notfall

## Was geschah, eine Meldung je Vorgang des Protokolls (Punkte und Unterstriche werden Bindestriche), und wer es tat.

actor-system = Hourglass ({ $function })
actor-admin = ein nicht bereitgestellter Admin ({ $id })
actor-scim = Bereitstellung aus Entra
text-justification = Grund
text-comment = Bemerkung
text-reason = Grund
text-ticket = Ticket
text-evidence = Nachweis
event-request-created = Zugang angefragt
event-request-created-for = Zugang für jemand anderen angefragt
event-request-reminded = Erneut gefragt: die Genehmigenden erinnert
event-request-approval-recorded = Genehmigt; weitere Genehmigungen sind nötig
event-request-approved = Genehmigt
event-request-denied = Abgelehnt
event-request-cancelled = Zurückgezogen
event-request-lapsed = Verfallen: Niemand hat rechtzeitig entschieden
event-request-closed = Abgeschlossen
event-request-activated = Mit einem Passkey aktiviert
event-request-decision-refused = Eine Entscheidung wurde zurückgewiesen
event-grant-verified = Die Belege wurden geprüft
event-grant-activating = Das Ende ist eingeplant; das Mitglied wird hinzugefügt
event-grant-active = Aktiv
event-grant-progress = Ging voran
event-grant-failing = Etwas scheitert; es wird wieder versucht
event-grant-extension-requested = Mehr Zeit wurde angefragt
event-grant-extended = Verlängert
event-grant-rescheduled = Die Zeitschaltung des Endes wurde verschoben
event-grant-timer-tampered = Die Zeitschaltung des Endes fehlte oder war verändert; sie wurde neu gemacht
event-grant-end-ordered = Ende angeordnet
event-grant-ending = Endet
event-grant-removing = Wird entfernt
event-grant-ended = Beendet
event-grant-proved-gone = Entfernung nachgewiesen
event-grant-rechecked = Nach dem Ende noch einmal nachgesehen
event-grant-reopened = Wieder geöffnet: Das Mitglied war noch da
event-grant-closing-proposed = Ein Admin schlug vor, ihn von Hand abzuschließen
event-grant-closing-confirmed = Ein zweiter Admin bestätigte den Abschluss von Hand
event-grant-closed-by-hand = Von Hand abgeschlossen
event-emergency-reviewed = Der Notfall wurde überprüft
event-emergency-unreviewed = Der Notfall wurde nicht rechtzeitig überprüft

## Zugang anfragen, und was man hat.

find-title = Zugang anfragen
find-label = Was brauchen Sie?
find-button = Suchen
find-nothing = Es gibt nichts, was Sie anfragen dürfen. Wer was anfragen darf, legt ein Admin fest.
find-none = Nichts, was Sie anfragen dürfen, enthält alle diese Wörter: { $q }
find-all = Alles zeigen
find-count = { $count ->
    [one] Eines, das Sie anfragen dürfen.
   *[other] { $count }, die Sie anfragen dürfen.
}
find-recent = kürzlich verwendet
find-terms = { $quorum ->
    [one] bis zu { $longest }, eine Genehmigung
   *[other] bis zu { $longest }, { $quorum } Genehmigungen
}
find-terms-self = bis zu { $longest }, Sie aktivieren selbst
find-emergency = Es brennt?
find-emergency-link = Zugang im Notfall
more-time = mehr Zeit
until = bis
again = Erneut anfragen
remind = Erinnern
cancel-request = Anfrage zurückziehen
how-to = So wird es verwendet
ids = Unveränderliche Kennungen
asked-by = angefragt von { $by }
denied-by = von { $by }
asked-by-for = { $by } für { $who }
approvers-count = { $count ->
    [0] Zurzeit kann niemand genehmigen.
    [one] Eine Person kann genehmigen.
   *[other] { $count } Personen können genehmigen.
}
approvers-many = { $count } oder mehr Personen können genehmigen.
approvers-quorum = { $quorum } davon müssen es.
approvers-none = Niemand muss genehmigen: Sie aktivieren es mit Ihrem Passkey.

ask-title = { $name } anfragen
ask-gives = Was es gibt
ask-approves = Wer genehmigt
ask-longest = Höchstens
ask-longest-all = { $duration } insgesamt, Verlängerungen inbegriffen.
ask-not-eligible = Keines Ihrer Konten darf dies haben. Wer darf, legt ein Admin fest.
ask-for = Für welches Konto
ask-someone = jemand anderes
ask-someone-name = Wer
ask-someone-hint = Der Benutzername, etwa kim@contoso.example. Die Person muss zu denen gehören, die es haben dürfen, und erfährt davon.
ask-duration = Wie lange
ask-why = Warum
ask-why-hint = { $count ->
    [0] Das lesen die Genehmigenden.
    [one] Das lesen die Genehmigenden.
   *[other] Mindestens { $count } Zeichen. Das lesen die Genehmigenden.
}
ask-ticket = Ticket
ask-ticket-hint = Etwa { $example }.
ask-ticket-optional = Etwa { $example }. Kann leer bleiben.
ask-later = Später beginnen
ask-start = Beginn
ask-start-hint = Innerhalb von 30 Tagen; leer beginnt es mit der Genehmigung. Zeitzone:
ask-sentence = Nimmt Sie in { $what } in { $systems } auf, sobald es genehmigt ist, für die Zeit oben.
ask-button = Zugang anfragen
ask-preview-button = Ansehen, was geschieht
ask-preview-title = Das geschieht
ask-preview = Nimmt { $own ->
    [yes] Sie
   *[no] { $who }
} in { $what } in { $systems } auf, { $later ->
    [yes] von { $start } bis { $end }
   *[no] bis { $end }, wenn jetzt genehmigt wird
} ({ $duration }).
ask-lapses = Entscheidet niemand, verfällt die Anfrage am
ask-other = Etwas anderes suchen
obstacle-held = Sie haben dies bereits bis { $until }.
obstacle-held-link = Stattdessen verlängern
obstacle-asked = Sie haben dies bereits angefragt, und es wartet.
obstacle-asked-link = Anfrage ansehen

done-asked = Ihre Anfrage wartet auf die Genehmigenden. Diese Seite zeigt, wenn entschieden ist.
done-ended = Der Zugang wird weggenommen, binnen Sekunden.
done-revoked = Der Zugang wird weggenommen, binnen Sekunden.
done-extended = Ihre Anfrage nach mehr Zeit wartet auf die Genehmigenden.
done-reminded = Erneut gefragt: Die Genehmigenden sehen es in ihrem Eingang.
done-cancelled = Die Anfrage wurde zurückgezogen.

access-title = Mein Zugang
access-live = Was Sie haben
access-none = Sie haben im Moment keinen Zugang.
access-not-provisioned = Ihr Konto wurde Hourglass noch nicht bereitgestellt und kann deshalb noch keinen Zugang haben. Das beginnt, sobald Entra es bereitstellt: binnen 40 Minuten nach der Zuweisung.
access-to-admin = Hourglass einrichten
access-ask = Zugang anfragen
access-ends = endet
access-begins = beginnt
access-extend = Verlängern
access-extend-as = Zum Verlängern melden Sie sich als { $account } an.
access-end = Zugang jetzt beenden
access-end-what = Nimmt { $who } sofort aus { $what } heraus. Wer ihn wieder haben will, muss neu anfragen.
access-end-button = { $what } jetzt beenden
access-going = Wird weggenommen.
access-waiting = Wartet
access-approved-of = { $approved } von { $quorum } Genehmigungen.
access-asked = angefragt
access-lapses = verfällt
access-reminded = erneut gefragt
access-activate = Aktivieren
access-activate-as = Zum Aktivieren melden Sie sich als { $account } an.
access-past = Früher
access-all = Alles, was Sie angefragt haben, steht im Verlauf
next-active = Melden Sie sich dort neu an, wo Sie ihn verwenden: Programme erfahren von einer neuen Gruppe beim Anmelden.
next-ending = Melden Sie sich dort ab, wo Sie ihn verwendet haben: Eine offene Sitzung kann den Zugang behalten, bis sie endet.
back-access = Zurück zu meinem Zugang

extend-title = Mehr Zeit für { $name }
extend-duration = Wie viel länger
extend-sentence = Wer es genehmigt, verschiebt das Ende; bis dahin ändert sich nichts. Insgesamt dauert er höchstens bis:
extend-button = Mehr Zeit anfragen
extend-not-more = Länger geht es nicht: Das späteste Ende ist
extend-new = Neu anfragen

one-title = { $what } für { $who }
one-facts = Die Anfrage
one-who = Für wen
one-how-long = Wie lange
one-why = Warum
one-access = Zugang
one-first = die erste Anfrage
one-where = Wo
one-closed = Abgeschlossen
one-approved-by = Genehmigt von
one-acting-for = für { $who }
one-decide = Darüber entscheiden
one-events = Was geschah
one-exactly = genau
revoke = Entziehen
revoke-reason = Warum
revoke-reason-hint = Steht bei der Anfrage; wer den Zugang hatte, liest es.
revoke-button = { $who } jetzt aus { $what } herausnehmen
id-request = Anfrage
id-entitlement = Berechtigung
id-requester = Anfragende Person
id-beneficiary = Begünstigte Person
id-grant = Zugang
id-target = Ziel
id-policy = Regeln (SHA-256)

## Was geschah, und wer was hat.

history-title = Verlauf
history-own = Was Sie angefragt haben, und was für Sie angefragt wurde.
history-seen = Was Sie angefragt haben, entscheiden dürfen oder entschieden haben.
history-everybody = Von allen. Dass Sie nachsehen, steht im Protokoll.
history-none = Es wurde noch nichts angefragt.
history-none-filtered = Nichts passt zu diesen Filtern. Weniger davon finden mehr.
history-looked-back = Nachgesehen bis zum
history-go-on = Von dort weiter
filter-person = Person
filter-entitlement = Berechtigung
filter-approver = Genehmigt von
filter-state = Zustand
filter-any = jeder
filter-text = Grund, Ticket oder Name
filter-from = Von (UTC)
filter-to = Bis (UTC)
filter-button = Zeigen
filter-none = Ohne Filter
col-what = Was
col-who = Wer
col-state = Zustand
col-asked = Angefragt
col-from = Von
col-until = Bis
col-duration = Wie lange
col-approvers = Genehmigt von
col-why = Warum
col-again = Erneut
now-title = Wer jetzt was hat
now-at = Stand
now-none = Niemand hat jetzt etwas.
timeline-title = Zeitleiste
timeline-picture = Wer wann was hatte
timeline-describes = Balken von { $from } bis { $to }; die Tabelle darunter sagt dasselbe.
timeline-bar = { $who }: { $what }, { $state }, { $start } – { $end }
timeline-key = Zeiten in UTC. Voll: Zugang. Gepunktet: wartet. Schraffiert: Zugang, der bleibt, weil er schon vorher da war. Umrandet: endete ohne Zugang. Roter Rand: spät entfernt.
timeline-rows = Zeilen
timeline-by-person = Personen
timeline-by-entitlement = Berechtigungen
timeline-earlier = früher
timeline-later = später
timeline-none = In dieser Zeit hatte niemand etwas und niemand wartete.
timeline-cut = Nicht alles passt in dieses Bild: Wählen Sie eine kürzere Zeit, eine Person oder eine Berechtigung.
export-title = Ausfuhr
export-link = Als CSV oder NDJSON ausführen
export-says = Eine Datei hat eine Zeile je Anfrage, die neueste zuerst, mit dem, wozu sie führte. Ein langer Verlauf kommt in Teilen.
export-none = Nichts passt zu diesen Filtern.
export-lines = Zeilen in diesem Teil
export-stretch = Angefragt
export-next = Nächster Teil
export-last = Das ist der letzte Teil.
export-back = Zurück zum Verlauf

## Eingang, Entscheidungen, Aktivierungen, Überprüfungen und Vertretungen.

inbox-title = Eingang
inbox-empty = Es wartet nichts auf Sie.
inbox-empty-part = Auf diesem Teil der Liste ist nichts für Sie.
inbox-quiet-since = Die letzte Anfrage, über die Sie entscheiden konnten, wurde geschlossen:
inbox-row = { $who } möchte { $what }
inbox-asked = angefragt
inbox-asked-by = angefragt von { $name }
inbox-lapses = Zeit für die Entscheidung:
inbox-reminded = erinnert
inbox-to-reviews = Notfälle, die zu überprüfen sind
inbox-to-delegates = Wer für Sie entscheidet, während Sie weg sind

inbox-request-title = Anfrage von { $name }
inbox-brief = Die Anfrage in Kürze
inbox-what = Was
inbox-how-long = Wie lange
inbox-who = Wer
inbox-risk = Risiko
inbox-why = Warum
inbox-start-extends = nach dem jetzigen Ende
inbox-start-at = ab
inbox-start-decided = ab der Entscheidung
inbox-state-waiting = wartet, { $have } von { $need } Genehmigungen
inbox-state-self = wartet darauf, aktiviert zu werden
inbox-state-emergency = Notfall, wartet darauf, aktiviert zu werden
inbox-state-approved = genehmigt
inbox-state-self-approved = aktiviert, nach der Regel selbst genehmigt
inbox-state-in-emergency = im Notfall aktiviert
inbox-state-denied = abgelehnt
inbox-state-cancelled = zurückgezogen
inbox-state-lapsed = verfallen: Niemand hat rechtzeitig entschieden
inbox-approved-by = { $name } hat für { $time } genehmigt:
inbox-closed = Geschlossen
inbox-what-happened = Was geschehen ist
inbox-decide = Entscheiden
inbox-acting-for = Sie entscheiden für { $name } und wurden dafür als Vertretung benannt.
inbox-needs-passkey = Dafür ist ein Passkey nötig, und Sie haben noch keinen, der zählt.
inbox-add-passkey = Einen hinzufügen
sign-in-first = Ihre Anmeldung ist mehr als 15 Minuten her. Hierfür braucht es eine frische; danach sind Sie wieder hier.
inbox-sign-in-to-decide = Neu anmelden und entscheiden
inbox-key-elsewhere = Ihr Passkey gehört zu einem anderen Ihrer Konten, und wer einen hat, entscheidet mit ihm. Melden Sie sich mit jenem Konto an, oder fügen Sie diesem einen Passkey hinzu.
inbox-comment = Kommentar (freiwillig; wer angefragt hat, liest ihn)
inbox-will = Fügt { $who } in Entra bis etwa { $until } zu { $groups } hinzu und nimmt danach von selbst wieder heraus.
inbox-will-more =
    { $more ->
        [one] Nach Ihrer ist noch eine Genehmigung nötig.
       *[other] Nach Ihrer sind noch { $more } Genehmigungen nötig.
    }
inbox-will-extend = Gibt { $who } nach dem jetzigen Ende { $time } mehr.
inbox-approve = Für { $time } genehmigen
inbox-less = Für weniger Zeit
inbox-will-deny = Ablehnen schließt die Anfrage endgültig. { $name } erfährt es mit Ihrem Kommentar und kann neu anfragen.
inbox-deny = Ablehnen
inbox-with-passkey = Ihr Passkey unterschreibt, was Sie hier sehen.
inbox-with-sign-in = Sie melden sich noch einmal mit Ihrem zweiten Faktor an.
inbox-passkey-better = Mit einem Passkey geht es schneller und sicherer
inbox-you-decided = Sie haben hierüber entschieden. Es wartet auf andere.
inbox-activates = Das genehmigt niemand: { $name } aktiviert es mit dem eigenen Passkey.
inbox-only-reading = Sie können dies lesen, und andere entscheiden darüber.
inbox-wrong = Es wurde nichts entschieden:
inbox-careful = Sehen Sie zweimal hin
inbox-that-request = Jene Anfrage
inbox-who-is = Für wen es ist
inbox-requester = Wer angefragt hat
inbox-name = Name
inbox-user-name = Meldet sich an als
inbox-job = Aufgabe
inbox-department = Abteilung
inbox-account-since = Konto hier seit
inbox-earlier-none = { $name } hat in den letzten 90 Tagen sonst nichts angefragt.
inbox-earlier =
    { $asked ->
        [one] { $name } hat in den letzten 90 Tagen einmal angefragt.
       *[other] { $name } hat in den letzten 90 Tagen { $asked }-mal angefragt.
    }
inbox-earlier-same = Davon dies: { $same }.
inbox-earlier-came = Genehmigt: { $approved }, abgelehnt: { $denied }, nicht rechtzeitig entschieden: { $lapsed }.
inbox-earlier-more = Nur die letzten { $count } wurden gezählt.
inbox-overlap = Hat schon
inbox-overlap-group = gibt eine derselben Gruppen
inbox-until = bis
inbox-in-group = Jetzt in { $group }
inbox-group-empty = Sonst niemand, soweit Entra es Hourglass mitgeteilt hat.
inbox-group-unknown = Entra teilt Hourglass nicht mit, wer in dieser Gruppe ist: Sie gehört nicht zu den bereitgestellten.
inbox-standing = immer
inbox-group-more =
    { $count ->
        [one] und eine weitere Person, immer
       *[other] und { $count } weitere, immer
    }
inbox-group-uncounted = und mehr als { $count } weitere, immer
inbox-group-more-temporary = und { $count } weitere für eine Weile
inbox-group-counted = { $count } Mitglieder, als Entra selbst zuletzt gefragt wurde:
inbox-ids = Unveränderliche Kennungen: was unterschrieben wird
inbox-id-request = Anfrage
inbox-id-beneficiary = Konto, das den Zugang bekommt
inbox-id-requester = Konto, das angefragt hat
inbox-id-tenant = Mandant
inbox-id-target = Ziel
inbox-lag = Wer in einer Gruppe ist und wer genehmigen darf, kommt aus Entra durch die Bereitstellung, die 40 Minuten nachhinken kann. Bevor der Zugang beginnt, wird Entra selbst gefragt.

inbox-risk-none = Nichts fällt auf
inbox-risk-critical = kritisch
inbox-risk-role-assignable = kann Verzeichnisrollen tragen
inbox-risk-look-alike = Name gleicht einem anderen
inbox-risk-mixed-scripts = Buchstaben mehrerer Schriften
inbox-risk-hidden-characters = verborgene Zeichen im Namen
inbox-risk-guest = Gast
inbox-risk-new-account = neues Konto
inbox-risk-not-active = Konto ist aus
inbox-risk-first-request = erste Anfrage
inbox-risk-copied = gleiche Worte wie eine andere
inbox-careful-critical = Dies ist als kritisch markiert: Wer es hat, kann großen Schaden anrichten.
inbox-careful-role-assignable = { $group } kann Verzeichnisrollen tragen und damit Macht über den Mandanten geben.
inbox-careful-look-alike = Der Name { $name } lässt sich mit dem von { $others } verwechseln. Vergewissern Sie sich, wer anfragt.
inbox-careful-mixed-scripts = Der Name { $name } mischt Buchstaben mehrerer Schriften, die gleich aussehen und es nicht sind.
inbox-careful-hidden-characters = Im Verzeichnis enthält der Name { $name } Zeichen, die niemand sieht oder die die Schreibrichtung umkehren: { $which }. Hier sind sie weggelassen.
inbox-careful-guest = { $name } ist Gast aus einer anderen Organisation.
inbox-careful-new-account = Das Konto von { $name } wurde erst am { $since } bereitgestellt.
inbox-careful-not-active = Das Konto von { $name } ist abgeschaltet oder weg: Ihm kann nichts gewährt werden.
inbox-careful-first-request = { $name } hat in den letzten 90 Tagen nichts angefragt.
inbox-careful-copied = { $name } hat am { $at } für eine andere Anfrage denselben Grund angegeben.
inbox-careful-copied-own = { $name } hat denselben Grund schon einmal angegeben, am { $at }.

done-approved = Genehmigt. Der Zugang beginnt binnen Sekunden, sobald genügend Personen genehmigt haben.
done-denied = Abgelehnt.
done-activated = Aktiviert. Der Zugang beginnt binnen Sekunden.
done-reviewed = Überprüft.
done-delegated = Benannt. Ab jetzt kann für Sie entschieden werden.
done-delegation-ended = Beendet. Es kann nicht mehr für Sie entschieden werden.

delegates-title = Vertretungen
delegates-intro = Wen Sie benennen, der entscheidet eine Zeit lang an Ihrer Stelle, mit dem eigenen Passkey. Sie können weiter selbst entscheiden; beide zusammen zählen einmal.
delegates-none = Niemand entscheidet für Sie.
delegates-row = { $name } entscheidet für Sie über { $what }
delegates-end = Beenden
delegates-end-what = { $name } kann von diesem Moment an nicht mehr für Sie über { $what } entscheiden. Was schon entschieden ist, bleibt.
delegates-end-button = { $name } entscheidet nicht mehr für mich
delegates-received = Sie entscheiden für andere
delegates-received-row = für { $name } über { $what }
delegates-name = Jemanden benennen
delegates-no-offers = Es gibt nichts, wofür die Admins Sie jemanden benennen lassen.
delegates-what = Wofür
delegates-who = Wen
delegates-who-hint = Der Name für die Anmeldung, etwa kim@contoso.example. Es muss jemand sein, den die Admins erlauben.
delegates-until = Bis
delegates-until-hint = Höchstens 30 Tage von jetzt an; leer gelassen so lange. Zeitzone:
delegates-will = Sie erfährt es, und die Admins auch. Wer bisher dafür benannt war, wird ersetzt.
delegates-button = Für mich entscheiden lassen

## keys

keys-title = Passkeys
keys-none = Sie haben noch keinen Passkey. Mit einem genehmigen Sie Anfragen durch eine Berührung, und niemand kann es in Ihrem Namen tun.
keys-name = Name
keys-state = Zustand
keys-added = Hinzugefügt
keys-used = Zuletzt verwendet
keys-never = nie
keys-actions = Was Sie tun können
keys-state-waiting = wartet auf Bestätigung
keys-state-removed = entfernt
keys-state-void = ungültig: gemacht für { $host }
keys-state-usable = in Gebrauch
keys-critical-from = für kritischen Zugang ab
keys-confirm-own = { $name } mit einem Passkey bestätigen, den Sie verwenden
keys-code = Code aus der Einrichtung
keys-code-hint = Nur für den allerersten Admin. Er gilt einmal.
keys-code-button = Mit dem Code bestätigen
keys-change = { $name } ändern
keys-new-name = Neuer Name
keys-rename = Mit Passkey umbenennen
keys-remove-hint = Er kann danach nichts mehr unterschreiben. Ihn wieder hinzuzufügen braucht eine neue Bestätigung.
keys-remove = { $name } entfernen
keys-waits = Ihr Passkey wartet, bis ein anderer Admin ihn mit dem eigenen bestätigt. Bitten Sie einen, dies zu öffnen:
keys-they-compare = verglichen wird
keys-add = Einen Passkey hinzufügen
keys-add-another = Einen weiteren Passkey hinzufügen
keys-second = Sie haben einen. Mit einem zweiten auf einem anderen Gerät können Sie weiter genehmigen, wenn der erste verloren geht.
keys-device = Name des Geräts
keys-device-hint = Damit Sie ihn wiedererkennen, etwa „Arbeitslaptop“.
keys-add-button = Passkey dieses Geräts hinzufügen
keys-to-waiting = Passkeys, die auf einen Admin warten, und verlorene Passkeys
keys-waiting-title = Wartende Passkeys
keys-waiting-intro = Wessen Passkey Sie bestätigen, der kann im eigenen Namen genehmigen. Fragen Sie vorher persönlich oder am Telefon nach den ersten Zeichen des Passkeys.
keys-waiting-none = Es wartet kein Passkey.
keys-waiting-none-here = Unter diesen wartet kein Passkey; es gibt weitere, die noch durchzusehen sind.
keys-whose = Wessen
keys-key = Passkey
keys-own-waits = Ein anderer Admin bestätigt ihn.
keys-owner-gone = jemand, der gelöscht wurde
keys-confirm = Passkey von { $name } bestätigen
keys-host-title = Die Konsole hat eine andere Adresse
keys-host-text = Die Passkeys wurden für { $former } gemacht, und die Konsole ist jetzt unter { $host }. Niemand kann einen Passkey verwenden, bis die Adresse zurückgestellt ist oder ein Admin annimmt, dass { $voids } Passkeys ungültig werden. Dann fügen alle einen neuen hinzu.
keys-host-button = { $voids } Passkeys ungültig machen
keys-lost-title = Jemand hat die eigenen Passkeys verloren
keys-lost-text = Nimmt einer Person alle Passkeys, damit sie wieder einen ersten hinzufügen kann. Sie schlagen es vor, ein anderer Admin tut binnen einer Stunde dasselbe, und dann geschieht es.
keys-lost-user = Kennung der Person
keys-lost-user-hint = Unsere Benutzerkennung, wie das Verzeichnis und jede Anfrage sie zeigen.
keys-lost-button = Dieser Person alle Passkeys nehmen

done-made = Der Passkey wurde hinzugefügt. Er zählt, sobald er bestätigt ist.
done-changed = Erledigt.

activate-sign-in-first = Ihre Anmeldung ist mehr als 15 Minuten her. Zum Aktivieren braucht es eine frische; danach sind Sie wieder hier.
activate-title = { $name } aktivieren
activate-lapses = Zeit zum Aktivieren:
activate-emergency = Das ist ein Notfall. Genehmigende und Admins erfahren es sofort, er lässt sich nicht verlängern, und eine andere Person überprüft ihn danach.
activate-button = { $name } für { $time } aktivieren
emergency-title = Zugang im Notfall
emergency-none = Es gibt nichts, was Sie im Notfall aktivieren dürfen.
emergency-intro = Für den Fall, dass niemand rechtzeitig genehmigen kann. Genehmigende und Admins erfahren es sofort, der Zugang endet von selbst und lässt sich nicht verlängern, und eine andere Person überprüft ihn danach.
emergency-offer = { $name } (höchstens { $maximum })
emergency-why-hint = Was gerade geschieht, in einem Satz. Wer überprüft, liest ihn.
emergency-ticket = Ticket (wo eines verlangt wird)
emergency-button = Weiter zur Unterschrift
emergency-wrong = Es wurde nichts aktiviert:
reviews-title = Zu überprüfende Notfälle
reviews-none = Es gab keine Notfälle, die Sie sehen dürfen.
reviews-none-here = Unter den bisher angesehenen ist keiner für Sie; es gibt frühere.
reviews-row = { $who } hat { $what } aktiviert
reviews-activated = Aktiviert
reviews-review = Überprüfung
reviews-justified = gerechtfertigt, sagt { $name }
reviews-not-justified = nicht gerechtfertigt, sagt { $name }
reviews-overdue = überfällig seit
reviews-due = fällig bis
reviews-found = Was Sie gefunden haben
reviews-was = Er war gerechtfertigt
reviews-was-not = Er war es nicht

## Änderungen der Einrichtung, die zwei Admins unterschreiben.

changes-title = Änderungen zum Unterschreiben
changes-lead = Was Zugang leichter macht, tritt in Kraft, wenn es zwei Admins mit ihren Passkeys unterschrieben haben: wer es vorschlägt, und eine andere Person.
changes-mode-one = Bisher hat sich kein zweiter Admin angemeldet, deshalb genügt einer. Sobald das geschieht, braucht es zwei.
changes-mode-off = Hier genügt ein Admin für Änderungen: So sagt es ein Parameter des Stacks.
changes-for-you = Für Sie
changes-for-others = Wartet auf andere
changes-over = Kürzlich erledigt
changes-none-for-you = Nichts wartet auf Sie.
changes-none-for-others = Nichts wartet auf andere.
changes-none-over = Noch nichts.
changes-column-what = Was sie tut
changes-column-who = Vorgeschlagen von
changes-column-when = Vorgeschlagen
changes-column-state = Stand
changes-column-lapses = Verfällt
changes-column-field = Feld
changes-stays = { $count } { $count ->
    [one] bleibt
   *[other] bleiben
} wie bisher
changes-column-before = Vorher
changes-column-after = Nachher

changes-one-title = Eine Änderung der Einrichtung
changes-state = Stand
changes-proposed = Vorgeschlagen von
changes-comment = Warum
changes-lapses = Verfällt
changes-signed-by = Unterschrieben von
changes-nobody = noch niemand
changes-what-changes = Was sich ändert
changes-digest = Was unterschrieben wird
changes-digest-why = Der SHA-256-Wert dieser Änderung, wie ihn beide Unterschriften nennen.
changes-no-key = Sie haben keinen Passkey, der unterschreiben kann.
changes-add-key = Einen hinzufügen
changes-explain-open = Sagen, warum
changes-explain = Warum
changes-explain-hint = Für den Admin, der als Zweiter unterschreibt. Es lässt sich sagen, bis Sie unterschrieben haben.
changes-explain-save = Begründung speichern
changes-sign = Mit Passkey unterschreiben
changes-needs-script = Ein Passkey braucht Skripte, und die sind in diesem Browser abgeschaltet.
changes-apply = In Kraft setzen
changes-withdraw = Zurückziehen
changes-withdraw-hint = Dann ändert sich nichts; wer sie will, schlägt sie neu vor.
changes-all = Alle Änderungen
changes-done-proposed = Sie wartet auf Unterschriften, zuerst auf Ihre. Noch hat sich nichts geändert.
changes-done-explained = Gespeichert. Unterschreiben Sie nun.
changes-done-signed = Unterschrieben. Sie tritt in Kraft, wenn auch ein anderer Admin unterschrieben hat.
changes-done-applied = Sie ist in Kraft.
changes-left-out = Diese Gruppen wurden ausgelassen, weil es sie nicht mehr gab oder sie nicht mehr angefragt werden konnten, als die Änderung in Kraft trat:
changes-done-withdrawn = Zurückgezogen. Es hat sich nichts geändert.

changes-status-waiting-proposer = wartet auf die erste Unterschrift
changes-status-waiting-second = wartet auf einen anderen Admin
changes-status-signed = von zwei unterschrieben, noch nicht in Kraft
changes-status-applied = in Kraft
changes-status-withdrawn = zurückgezogen
changes-status-lapsed = verfallen
changes-status-superseded = von einer anderen Änderung überholt

changes-does-entitlement-create = Legt die Berechtigung { $name } an.
changes-does-entitlement-update = Ändert die Berechtigung { $name }.
changes-does-entitlements-switch-on =
    { $count ->
        [one] Schaltet eine Gruppe als Berechtigung frei.
       *[other] Schaltet { $count } Gruppen als Berechtigungen frei.
    }
changes-does-template = Ändert die Genehmigungsvorlage.
changes-does-drift-mode = Ändert, was mit unerklärten Mitgliedern von { $name } geschieht.
changes-does-protect = Ändert die Liste der geschützten Konten.
changes-does-declare = Setzt { $other } auf die Liste der ständigen Mitglieder von { $name }.
changes-does-withdraw = Nimmt { $other } von der Liste der ständigen Mitglieder von { $name }.
changes-does-link = Sagt, dass { $name } und { $other } eine Person sind.
changes-does-unlink = Sagt, dass { $name } eine eigene Person ist.
changes-does-link-attribute = Ändert, welches Attribut Konten verbindet.
changes-does-azure = Richtet die Azure-Anbindung auf einen anderen Client. Sein Geheimnis wird danach eingegeben.
changes-does-aws = Richtet die AWS-Anbindung auf eine andere URL. Ihr Zugriffstoken wird danach eingegeben; eines, das für die frühere URL gespeichert ist, wird gelöscht.
changes-does-aws-remove = Entfernt die AWS-Anbindung und löscht ihr Zugriffstoken.
changes-does-scim-secret = Macht ein weiteres SCIM-Geheimnis, das einmal gezeigt wird, wenn sie in Kraft tritt.

changes-field-name = Name
changes-field-description = Beschreibung
changes-field-how-to-text = Wie man ihn nutzt
changes-field-how-to-link = Wo mehr steht
changes-field-targets = Ziele
changes-field-enabled = Kann angefragt werden
changes-field-approval = Genehmigung
changes-field-quorum = Wie viele genehmigen
changes-field-approvers = Genehmigende
changes-field-eligible = Wer anfragen darf
changes-field-durations = Dauern
changes-field-absolute-maximum = Insgesamt längstens
changes-field-justification-min = Kürzeste Begründung
changes-field-ticket = Ticket
changes-field-critical = Kritisch
changes-field-exact-expiry = Endet auf die Sekunde
changes-field-factor = Zweiter Faktor
changes-field-attestation = Welche Passkeys
changes-field-emergency-people = Im Notfall
changes-field-emergency-maximum = Längster Notfall
changes-field-on-behalf = Kann für andere angefragt werden
changes-field-delegates = Vertretungen
changes-field-default-approvers = Genehmigende, wenn nichts anderes gesagt ist
changes-field-request-ttl-seconds = Sekunden, die eine Anfrage wartet
changes-field-messages = Text
changes-field-mode = Unerklärte Mitglieder
changes-field-accounts = Konten
changes-field-standing = Ständiges Mitglied
changes-field-attribute = Attribut
changes-field-tenant-id = Tenant
changes-field-client-id = Client
changes-field-secret-expires-at = Geheimnis läuft ab
changes-field-url = URL
changes-field-token-expires-at = Zugriffstoken endet
changes-field-scim-secrets = Gültige SCIM-Geheimnisse
changes-field-entitlement = Neue Berechtigung

changes-fresh-title = Ein neues SCIM-Geheimnis
changes-fresh-once = Dieses Geheimnis wird nur dieses eine Mal gezeigt. Tragen Sie es jetzt in Entra ein; wenn es verloren geht, löschen Sie es und machen Sie ein neues.
changes-fresh-url = Tenant URL
changes-fresh-secret = Geheimes Token
changes-fresh-on = Weiter zu den SCIM-Geheimnissen

## Die Seiten der Verwaltung.

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
admin-step-aws = AWS IAM Identity Center ist angebunden (freiwillig)
admin-step-aws-none = nicht angebunden; alles andere geht auch ohne
admin-step-aws-no-token = das Zugriffstoken ist noch einzugeben
admin-step-aws-ended = das Zugriffstoken hat geendet: { $at }
admin-step-aws-until = angebunden; das Zugriffstoken endet { $at }
admin-step-aws-entered = angebunden; wann das Zugriffstoken endet, ist nicht bekannt
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
admin-overdue-at-least = Mindestens { $count } Mitgliedschaften sind überfällig: Sie hätten vor mehr als 10 Minuten enden sollen.
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
admin-state-aws = AWS IAM Identity Center
admin-state-secret = Das Geheimnis der Anbindung endet
admin-state-secret-soon = erneuern
admin-state-unknown = nicht bekannt
admin-state-emergencies = Notfälle
admin-state-emergencies-look = Ansehen, und beurteilen, was wartet
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
admin-users-search = Teil eines Namens, Benutzername oder ID
admin-groups-search = Teil eines Namens oder ID
admin-users-none = Noch wurde niemand bereitgestellt.
admin-groups-none = Noch wurde keine Gruppe bereitgestellt.
admin-none-named = Nichts heißt „{ $text }“.
admin-none-so-far = Unter dem bisher Durchsuchten heißt nichts „{ $text }“.
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

admin-sign-in-first = Ihre Anmeldung ist mehr als 15 Minuten her: Sie können alles ansehen. Bevor Sie etwas ändern:
admin-alone = Bis sich ein zweiter Admin angemeldet hat, ändert ein Admin alles allein. Danach brauchen Änderungen, die Zugriff erleichtern, zwei.
admin-tab-changes = Änderungen
admin-step-second = Ein zweiter Admin hat sich angemeldet
admin-changes-wait =
    { $count ->
        [one] Eine Änderung wartet auf ihre Unterschriften.
       *[other] { $count } Änderungen warten auf ihre Unterschriften.
    }
admin-changes-look = Ansehen

## Die Seiten, die eine Anwendung am Laufen halten: erste Schritte, Verbindungen, SCIM, Abweichungen, Entzug, Notschalter, Konten.

ops-actions = Aktionen
ops-changed = Zuletzt geändert
ops-never = nie
ops-account = Konto
ops-account-hint = Benutzername, Objekt-ID oder ID. Ein Konto, das nicht bereitgestellt ist, nennen Sie mit seiner Objekt-ID.
ops-account-unknown = nicht bereitgestellt
ops-wrong-guid = Geben Sie eine GUID ein, etwa 6f9619ff-8b86-d011-b42d-00cf4fc964ff.
ops-wrong-day = Geben Sie einen Tag ein, etwa 2027-01-31.
ops-wrong-secret = Geben Sie den Wert des Geheimnisses ein. Was gespeichert ist, lässt sich nicht zurücklesen; deshalb gehört er zu jeder Änderung.
ops-wrong-aws-url = Geben Sie den SCIM-Endpunkt ein, wie IAM Identity Center ihn zeigt: https://scim.<Region>.amazonaws.com/<Mandanten-ID>/scim/v2/
ops-wrong-aws-token = Geben Sie das Zugriffstoken ein. Was gespeichert ist, kann niemand zurücklesen, deshalb wird es bei jeder Änderung eingegeben.
ops-wrong-domain = Geben Sie einen Domänennamen ein, etwa contoso.example.
ops-wrong-name = Geben Sie einen Namen ein.
ops-wrong-cloud = Wählen Sie eine Cloud aus der Liste.
ops-wrong-mode = Wählen Sie eines der drei.
ops-wrong-group = Wählen Sie eine Gruppe aus der Liste.
ops-wrong-confirm = Geben Sie genau das ein: { $name }

# Azure
ops-integrations-title = Verbindungen
ops-azure = Microsoft Entra
ops-azure-none = Noch ist kein Konnektor eingetragen. Bis dahin kann niemand in eine Gruppe kommen, und nichts wird genehmigt.
ops-azure-tenant = Mandanten-ID
ops-azure-tenant-hint = Der eigene Mandant der Anwendung.
ops-azure-client = Client-ID
ops-azure-client-hint = Die der App-Registrierung des Konnektors, der die Rechte in Microsoft Graph gehören. Es ist nicht die, mit der man sich anmeldet.
ops-azure-secret = Clientgeheimnis
ops-azure-secret-hint = Sein Wert, nicht seine ID. Es liegt, wo nur die Arbeiter es lesen können, und wird nie wieder angezeigt.
ops-azure-secret-kept = gespeichert; niemand bekommt es zu sehen
ops-azure-expiry = Geheimnis endet am
ops-azure-expiry-hint = Wie es die App-Registrierung zeigt. Nichts wird gewährt, was das Geheimnis nicht um 7 Tage überdauern würde.
ops-azure-expiry-unknown = unbekannt: niemand wird vor seinem Ende gewarnt
ops-azure-ended = Das Clientgeheimnis hat geendet: { $at }.
ops-azure-ends-7 = Das Clientgeheimnis endet in den nächsten 7 Tagen: { $at }.
ops-azure-ends-30 = Das Clientgeheimnis endet in den nächsten 30 Tagen: { $at }.
ops-azure-ends-90 = Das Clientgeheimnis endet in den nächsten 90 Tagen: { $at }.
ops-azure-ends-then = Erstellen Sie in der App-Registrierung ein neues, tragen Sie es unten ein, testen Sie es und löschen Sie dort das alte. Zugang, der nach dem Geheimnis oder weniger als 7 Tage davor enden würde, wird nicht mehr gewährt.
ops-azure-enter = Den Konnektor eintragen
ops-azure-replace = Ein neues Geheimnis oder einen neuen Client eintragen
ops-azure-replace-then = Ein neues Geheimnis desselben Clients tritt sofort an die Stelle des alten. Ein anderer Client braucht zwei Admins; sein Geheimnis wird noch einmal eingegeben, wenn sie unterschrieben haben. Auch laufender Zugang wird dann damit entzogen.
ops-azure-save = Konnektor speichern
ops-probe-ask = Verbindung testen
ops-probe-waits = Die Arbeiter probieren es. Gefragt:
ops-probe-look = Noch einmal nachsehen
ops-probe-good = Es funktioniert
ops-probe-bad = Es funktioniert nicht
ops-found-works = Microsoft Graph nimmt die Anmeldedaten an.
ops-found-people = Genehmigende und Begünstigte werden beim Verzeichnis bestätigt, bevor jemand hinzugefügt wird.
ops-found-people-not = Genehmigende und Begünstigte lassen sich nicht beim Verzeichnis bestätigen; es entscheidet allein, was bereitgestellt wurde: { $why }
ops-found-people-unknown = Ob sich Genehmigende und Begünstigte bestätigen lassen, ist nicht bekannt: { $why }
ops-found-context = Hinter dem Authentifizierungskontext { $context } steht eine Richtlinie für bedingten Zugriff.
ops-found-context-unprotected = Keine eingeschaltete Richtlinie für bedingten Zugriff verlangt für den Authentifizierungskontext { $context } von allen einen zweiten Faktor: Step-ups von v2-Tokens zählen nicht.
ops-found-context-not-permitted = Der Konnektor darf Richtlinien für bedingten Zugriff nicht lesen (Policy.Read.All); Step-ups von v2-Tokens mit dem Authentifizierungskontext { $context } zählen deshalb nicht.
ops-found-context-unknown = Was hinter dem Authentifizierungskontext steht, ist nicht bekannt: { $why }
ops-found-aws-works = IAM Identity Center nimmt das Zugriffstoken an.
ops-found-aws-not-written = Diese Version schreibt noch keine Mitgliedschaften nach AWS.
ops-found-aws-none = Es ist keine AWS-Anbindung eingetragen.
ops-found-aws-no-token = Für diese URL ist kein Zugriffstoken gespeichert: Geben Sie es ein.
ops-found-aws-refused = Der Endpunkt lehnt das Zugriffstoken ab ({ $status }): Es ist vertippt, hat geendet, wurde in IAM Identity Center gelöscht oder gehört zu einer anderen URL. Vergleichen Sie die URL, oder erzeugen Sie dort ein neues Token und geben Sie es ein.
ops-found-aws-strange = Was unter dieser URL antwortet, ist kein SCIM-Endpunkt von IAM Identity Center ({ $why }): Kopieren Sie die URL noch einmal aus dessen Einstellungen.
ops-found-aws-unreachable = Der Endpunkt ist nicht erreichbar ({ $why }). Testen Sie in einigen Minuten noch einmal.
ops-found-target = lässt sich verwalten
admin-done-azure = Der Konnektor ist gespeichert. Testen Sie die Verbindung, um zu sehen, ob er funktioniert.

# AWS
ops-aws = AWS IAM Identity Center (freiwillig)
ops-aws-what = Mit der Anbindung soll Zugang zu AWS in Sekunden kommen und gehen; die Bereitstellung von Entra selbst braucht bis zu 40 Minuten, um eine Mitgliedschaft dorthin zu tragen.
ops-aws-not-yet = Diese Version speichert und testet die Anbindung und schreibt noch keine Mitgliedschaften nach AWS. Bis sie es tut, gelangen Gruppen wie bisher durch die Bereitstellung von Entra zu AWS.
ops-aws-none = AWS ist nicht angebunden. Alles andere geht auch ohne.
ops-aws-where = Beide Werte stehen in der AWS-Konsole: IAM Identity Center, Einstellungen, Identitätsquelle, Bereitstellung verwalten. Das Zugriffstoken wird einmal gezeigt, wenn es erzeugt wird.
ops-aws-url = SCIM-Endpunkt
ops-aws-url-hint = https://scim.<Region>.amazonaws.com/<Mandanten-ID>/scim/v2/
ops-aws-token = Zugriffstoken
ops-aws-token-hint = Es liegt zusammen mit der URL, wo nur die Arbeiter es lesen können, wird an keine andere URL gesandt und nie wieder angezeigt.
ops-aws-token-missing = für diese URL noch nicht eingegeben: Geben Sie es unten ein
ops-aws-expiry = Token endet am
ops-aws-expiry-hint = Wie IAM Identity Center es zeigt: ein Jahr, nachdem es erzeugt wurde.
ops-aws-ended = Das AWS-Zugriffstoken hat geendet: { $at }.
ops-aws-ends-7 = Das AWS-Zugriffstoken endet in den nächsten 7 Tagen: { $at }.
ops-aws-ends-30 = Das AWS-Zugriffstoken endet in den nächsten 30 Tagen: { $at }.
ops-aws-ends-90 = Das AWS-Zugriffstoken endet in den nächsten 90 Tagen: { $at }.
ops-aws-ends-then = Erzeugen Sie in IAM Identity Center, das zwei zugleich zulässt, ein neues, geben Sie es unten ein, testen Sie es und löschen Sie dort das alte.
ops-aws-enter = AWS anbinden
ops-aws-replace = Ein neues Token oder eine neue URL eingeben
ops-aws-replace-then = Ein neues Token für dieselbe URL tritt sofort an die Stelle des alten. Eine andere URL braucht zwei Admins: Wenn sie unterschrieben haben, wird das gespeicherte Token gelöscht und eines für die neue URL eingegeben.
ops-aws-save = Anbindung speichern
ops-aws-probe-ask = Verbindung zu AWS testen
ops-aws-left = Ein Zugriffstoken, das für eine frühere URL eingegeben wurde, konnte noch nicht gelöscht werden. Es wird für nichts verwendet.
ops-aws-forget = Das frühere Token löschen
ops-aws-remove = Anbindung an AWS entfernen
ops-aws-remove-title = Anbindung an AWS entfernen?
ops-aws-remove-what = Hourglass vergisst { $url } und löscht das Zugriffstoken, das dafür gespeichert ist.
ops-aws-remove-whom = Niemand gewinnt oder verliert Zugang: Diese Version hat keine Mitgliedschaften nach AWS geschrieben. Was Entra dort bereitstellt, bleibt, wie es ist.
ops-aws-remove-then = Das Token selbst bleibt gültig, bis Sie es in IAM Identity Center löschen.
ops-aws-remove-two = Es wird wirksam, wenn Sie und ein anderer Admin unterschrieben haben.
ops-aws-remove-go = Anbindung entfernen
ops-aws-remove-not = Behalten
admin-done-aws = Die Anbindung an AWS ist gespeichert. Testen Sie sie, um zu sehen, ob sie funktioniert.
admin-done-aws-removed = Die Anbindung an AWS ist entfernt und ihr Zugriffstoken gelöscht.
admin-done-aws-forgotten = Das frühere Zugriffstoken ist gelöscht.

# Der Authentifizierungskontext
ops-context = Zweiter Faktor an der API
ops-context-what = Ein Token der Version 2 beweist einen frischen zweiten Faktor durch einen Authentifizierungskontext. Entra schreibt ihn auch dann in Token, wenn keine Richtlinie etwas verlangt; deshalb zählt er nur mit einer Richtlinie für bedingten Zugriff. Passkeys brauchen das nicht.
ops-context-name = Authentifizierungskontext
ops-context-state = Stand
ops-context-checked = Zuletzt nachgesehen
ops-context-policies = Richtlinien für diesen Kontext
ops-context-unchecked = Noch nicht nachgesehen, er zählt also nicht. Tragen Sie den Konnektor ein und testen Sie die Verbindung.
ops-context-stale = Zuletzt wurde vor mehr als 24 Stunden nachgesehen, er zählt also nicht. Testen Sie die Verbindung, um zu sehen, warum der Konnektor nicht antwortet.
ops-context-not-permitted = Der Konnektor darf keine Richtlinien lesen, er zählt also nicht. Stimmen Sie Policy.Read.All für die App-Registrierung des Konnektors zu.
ops-context-unprotected = Keine aktive Richtlinie verlangt für diesen Kontext von allen einen zweiten Faktor, er zählt also nicht. Legen Sie in bedingtem Zugriff eine an, die alle Benutzer einschließt, diesen Authentifizierungskontext zum Ziel hat und Multi-Faktor-Authentifizierung verlangt; „nur melden“ zählt nicht.
ops-context-good = Eine Richtlinie steht dahinter: Er zählt.
ops-policy = Richtlinie
ops-policy-counts = Zählt
ops-policy-good = verlangt einen zweiten Faktor
ops-policy-leaves-out = Nimmt aus
ops-policy-out = Konten: { $users }. Gruppen: { $groups }.
ops-policy-others = Und andere, etwa Träger von Rollen.
ops-policy-not-enabled = Sie ist nicht aktiv; „nur melden“ zählt nicht.
ops-policy-no-factor = Sie verlangt nicht von allen, die sie einlässt, Multi-Faktor-Authentifizierung.
ops-policy-not-everyone = Sie schließt nicht alle Benutzer ein.
ops-policy-narrowed = Sie gilt nur auf manchen Plattformen, Orten, Geräten, Clients oder bei manchen Risiken.

# SCIM
ops-scim-title = SCIM
ops-scim-url = Mandanten-URL
ops-scim-application = Anwendung
ops-scim-tenant = Entra-Mandant
ops-scim-seen = Zuletzt gehört
ops-scim-silent = seit mehr als 3 Stunden still; Entra ruft alle 40 Minuten an
ops-secret = Geheimes Token
ops-secrets = Geheimnisse
ops-secrets-what = Wer ein Geheimnis hat, kann hier Konten und Gruppen anlegen, ändern und abschalten. Zwei können zugleich gelten, damit sich eines ohne Lücke ersetzen lässt.
ops-secrets-none = Es gibt kein Geheimnis; deshalb kann nichts bereitgestellt werden.
ops-secrets-full = Zwei Geheimnisse gelten. Löschen Sie das nicht mehr benutzte, bevor Sie ein weiteres hinzufügen.
ops-secret-made = Erstellt
ops-secret-add = Geheimnis hinzufügen
ops-secret-delete = Löschen …
ops-secret-delete-then = Vom nächsten Aufruf an wird Entra mit diesem Geheimnis abgewiesen. Das andere gilt weiter.
ops-secret-delete-last = Es ist das einzige Geheimnis. Vom nächsten Aufruf an wird Entra abgewiesen, und wer ausscheidet, wird hier nicht abgeschaltet, bis es ein anderes gibt.
ops-secret-delete-now = Dieses Geheimnis löschen
ops-secret-title = Ein SCIM-Geheimnis
ops-secret-once = Das Geheimnis wird nur dieses eine Mal angezeigt.
ops-secret-lost = Kopieren Sie es jetzt nach Entra. Geht es verloren, fügen Sie ein anderes hinzu und löschen dieses.
ops-secret-entered = Es ist in Entra eingetragen
admin-done-secret-deleted = Das Geheimnis ist gelöscht.

# Entra, Schritt für Schritt
ops-entra = Was in Entra zu tun ist
ops-entra-app = Öffnen Sie im Microsoft Entra Admin Center „Unternehmensanwendungen“, „Neue Anwendung“, „Eigene Anwendung erstellen“, und wählen Sie die, die nicht im Katalog steht.
ops-entra-mode = Öffnen Sie „Bereitstellung“ und stellen Sie den Modus auf „Automatisch“.
ops-entra-credentials = Fügen Sie unter „Administratoranmeldeinformationen“ das Geheimnis als „Geheimes Token“ ein, und dies als „Mandanten-URL“:
ops-entra-test = Wählen Sie „Verbindung testen“. Entra sagt, dass die Anmeldeinformationen autorisiert sind. Speichern Sie.
ops-entra-mapping = Ändern Sie unter „Zuordnungen“ diese Attribute; die anderen können bleiben.
ops-entra-mapping-users = Microsoft Entra ID-Benutzer bereitstellen
ops-entra-mapping-groups = Microsoft Entra ID-Gruppen bereitstellen
ops-entra-why-external = Nötig. Wer jemand ist, hängt an der Objekt-ID und an nichts sonst; Entra ordnet hier mailNickname zu, solange Sie es nicht ändern.
ops-entra-why-name = Nötig. Der Name, mit dem man sich anmeldet; lassen Sie ihn das Attribut zum Abgleich sein.
ops-entra-why-active = Nötig. Wer abgeschaltet ist, verliert hier jeden Zugang.
ops-entra-why-display = Der Name, den Genehmigende lesen.
ops-entra-why-mail = Für Nachrichten.
ops-entra-why-type = Daran werden Gäste erkannt; sie können nichts genehmigen.
ops-entra-why-employee = Nur wo damit die Konten einer Person verbunden werden.
ops-entra-why-group = Nötig. Eine Gruppe ohne ihre Objekt-ID kann nicht angefragt werden; sie ist auch das bessere Attribut zum Abgleich.
ops-entra-why-group-name = Der Name, nach dem man sucht.
ops-entra-why-members = Nötig. Wer genehmigt und wer anfragen darf, kommt aus Gruppen; Mitglieder verschachtelter Gruppen werden nicht bereitgestellt.
ops-entra-scope = Weisen Sie unter „Benutzer und Gruppen“ zu, wer hierher gehört: die Menschen, die anfragen und genehmigen, und die Gruppen, die sie anfragen.
ops-entra-on = Stellen Sie den Bereitstellungsstatus auf „Ein“. Der erste Durchlauf dauert Minuten bis Stunden; danach ruft Entra alle 40 Minuten an. „Bei Bedarf bereitstellen“ versucht einen Benutzer sofort.

# Die ersten Schritte
ops-way-start = Hourglass für Ihren Mandanten einrichten
ops-start-title = Hourglass einrichten
ops-start-what = Ihr Mandant hat hier noch keine Anwendung. Eine Anwendung ist der eigene Teil Ihres Unternehmens an Hourglass: seine Menschen und Gruppen, seine Regeln und seine Admins. Nichts geht von einer in eine andere.
ops-start-then = Ist sie angemeldet, bekommen Sie die Adresse und das Geheimnis, mit denen Entra Menschen und Gruppen bereitstellt, und eine Liste dessen, was dann kommt.
ops-start-domain = Domänenname
ops-start-domain-hint = Etwa contoso.example. Er lässt sich später nicht ändern.
ops-start-name = Name
ops-start-name-hint = Für Menschen, etwa Contoso.
ops-start-cloud = Microsoft-Cloud
ops-start-cloud-hint = Wo Ihr Mandant liegt. Die meisten liegen in der weltweiten Cloud.
ops-start-register = Anwendung anmelden
ops-cloud-global = Weltweit
ops-cloud-us-gov = US Government L4
ops-cloud-us-gov-dod = US Government L5 (DoD)
ops-cloud-china = China, betrieben von 21Vianet
ops-started = { $name } ist angemeldet.

# Abweichungen
ops-drift-title = Abweichungen
ops-drift-of = Abweichungen bei { $name }
ops-drift-what = Eine Abweichung ist ein Mitglied einer verwalteten Gruppe, das kein Zugang aus Hourglass erklärt und von dem niemand gesagt hat, dass es dorthin gehört: Jemand hat es von Hand hinzugefügt, zum Beispiel.
ops-search = Suchen
ops-drift-search = Name oder Beschreibung
ops-drift-count =
    { $count ->
        [one] Eine Berechtigung
       *[other] { $count } Berechtigungen
    }
ops-drift-none = Es gibt noch keine Berechtigung; deshalb wird nichts beobachtet.
ops-drift-entitlement = Berechtigung
ops-drift-unexplained = Unerklärt
ops-drift-mode = Was geschieht
ops-drift-checked = Zuletzt nachgesehen
ops-drift-fails = sehen Sie nach
ops-drift-not-yet = noch nicht nachgesehen
ops-drift-error = Der letzte Blick ist gescheitert. Was folgt, ist so alt, wie es dasteht.
ops-drift-stopped = Niemand wird entfernt, obwohl jemand zu entfernen wäre.
ops-drift-members = Mitglieder
ops-drift-held = Durch einen Zugang
ops-drift-standing = Erklärt
ops-drift-protected = Geschützt
ops-drift-enforce-from = Entfernt wird ab
ops-drift-removed = Bisher entfernt
ops-drift-removing = Wird entfernt:
ops-drift-unexplained-who = Mitglieder, die nichts erklärt
ops-drift-unexplained-of = Mitglieder von { $group }, die nichts erklärt
ops-drift-first-seen = Zuerst gesehen
ops-drift-mode-since = Gewählt
ops-drift-mode-choose = Was mit Mitgliedern geschieht, die nichts erklärt
ops-drift-mode-save = Wählen
ops-drift-observe = Melden
ops-drift-observe-then = Sie stehen auf dieser Seite.
ops-drift-alert = Melden und Alarm geben
ops-drift-alert-then = Kommt eines hinzu, wird es jemandem gesagt.
ops-drift-enforce = Entfernen
ops-drift-enforce-then = Wer jetzt Mitglied ist, gilt als erklärt. Nach 7 Tagen Meldung werden unerklärte Mitglieder entfernt: höchstens 5 auf einmal, oder ein Zehntel der Gruppe. Geschützte Konten bleiben.
admin-done-drift-mode = Gewählt. In der nächsten Minute wird in den Gruppen nachgesehen.

ops-standing-of = Erklärte Mitglieder von { $group }
ops-standing-what = Ein erklärtes Mitglied gehört ohne Zugang zur Gruppe: ein Dienstkonto etwa, oder jemand in ständiger Bereitschaft.
ops-standing-none = Von niemandem ist erklärt, dass er ohne Zugang hierher gehört.
ops-standing-since = Seit
ops-standing-declared = von einem Admin
ops-standing-found = war Mitglied, als Entfernen gewählt wurde
ops-standing-declare = Ein Mitglied erklären
ops-standing-declare-this = Erklären
ops-standing-declare-now = Mitglied erklären
ops-standing-group = Gruppe
ops-standing-withdraw = Zurücknehmen …
ops-standing-withdraw-then = Das Konto bleibt in { $group } und wird ab dem nächsten Blick als unerklärt gemeldet.
ops-standing-withdraw-enforce = Hourglass entfernt das Konto dann aus { $group }, wenn kein Zugang es hält.
ops-standing-withdraw-now = Erklärung zurücknehmen
admin-done-standing-declared = Erklärt.
admin-done-standing-withdrawn = Zurückgenommen.

ops-protected = Geschützte Konten
ops-protected-what = Diese entfernt Hourglass nie von selbst aus einer Gruppe. Nennen Sie hier Ihre Notfallkonten.
ops-protected-none = Kein Konto ist geschützt.
ops-protected-full = Mehr als 100 Konten können nicht geschützt sein.
ops-protected-add = Konto schützen
ops-protected-remove = Schutz aufheben …
ops-protected-remove-then = Wo Entfernen gewählt ist und nichts sonst das Konto erklärt, wird es aus der Gruppe entfernt.
ops-protected-remove-now = Schutz dieses Kontos aufheben
admin-done-protected = Geschützt.
admin-done-unprotected = Das Konto ist nicht mehr geschützt.

# Entzug
ops-revocations-title = Entzug, der nicht gelingt
ops-revocation-title = Ein Entzug, der nicht gelingt
ops-revocations-what = Zugang, der seit mehr als 10 Minuten weg sein sollte. Hourglass versucht es weiter, mindestens einmal in der Minute.
ops-revocations-none = Nichts ist überfällig. Nachgesehen:
ops-revocations-some =
    { $count ->
        [one] Ein Entzug ist überfällig.
       *[other] { $count } Entzüge sind überfällig.
    }
ops-revocations-at-least =
    { $count ->
        [one] Mindestens ein Entzug ist überfällig.
       *[other] Mindestens { $count } Entzüge sind überfällig.
    }
ops-revocations-stop = Bis sie erledigt sind, wird in dieser Anwendung nichts Neues genehmigt oder aktiviert.
ops-revocations-since = Sollte weg sein seit
ops-revocations-tries =
    { $count ->
        [one] einmal versucht
       *[other] { $count }-mal in Folge versucht
    }
ops-revocations-do = Was zu tun ist
ops-revocation-who = Wer noch Zugang hat
ops-revocation-what = Wozu
ops-revocation-until = Bis
ops-revocation-grant = Zugang
ops-revocation-look = Seine Geschichte
ops-revocation-gone = Nichts davon ist übrig.
ops-revocation-error = Letzte Antwort
ops-revocation-no-error = noch keine
ops-revocation-since = Scheitert seit
ops-revocation-by-hand = Was von Hand zu tun ist
ops-closing = Von Hand schließen
ops-closing-what = Ist { $name } von Hand entfernt worden oder gibt es das Verzeichnis nicht mehr, und Hourglass kann das nicht sehen, so können zwei Admins es schließen. Es wird nie als beendet angezeigt, täglich wieder nachgesehen und wieder geöffnet, wenn das Mitglied noch da ist.
ops-closing-not-yet = Von Hand schließen lässt es sich, wenn es 10 Minuten lang gescheitert ist.
ops-closing-factor = Wer sagt, dass Zugang ohne Beweis weg ist, zeigt vorher einen frischen zweiten Faktor.
ops-closing-prove = Zweiten Faktor zeigen
ops-closing-evidence = Was Sie gesehen und getan haben
ops-closing-evidence-hint = Mindestens 10 Zeichen. Wird so aufbewahrt und dem zweiten Admin und Prüfern gezeigt.
ops-closing-by = Vorgeschlagen von
ops-closing-second = Bestätigt von
ops-closing-waits = Es wartet auf einen zweiten Admin.
ops-closing-confirmed = Zwei Admins haben unterschrieben. Die Arbeiter schließen es in der nächsten Minute.
ops-closing-confirm-then = Sie sagen mit Ihrem Namen, dass { $name } keinen Zugang mehr hat.
ops-closing-confirm = Bestätigen und schließen
ops-closing-propose = Schließen vorschlagen
ops-closing-anew = Stattdessen neu vorschlagen
admin-done-closing-proposed = Vorgeschlagen. Ein anderer Admin muss es bestätigen.
admin-done-closing-confirmed = Bestätigt. In der nächsten Minute wird es geschlossen.

# Der Notschalter
ops-kill-title = Notschalter
ops-kill-held = Gerade angehalten
ops-kill-none = Nichts ist angehalten.
ops-kill-all = Aller Zugang
ops-kill-entitlement = Zugang zu { $name }
ops-kill-user = Zugang von { $name }
ops-kill-by = Gedrückt von { $name }:
ops-kill-since = angehalten seit
ops-kill-paused = Hier wird nichts genehmigt oder aktiviert.
ops-kill-under-way = Wird ausgeführt.
ops-kill-ended = { $ended } von { $grants } Zugängen sind beendet.
ops-kill-cancelled =
    { $count ->
        [one] Eine Anfrage wurde zurückgezogen.
       *[other] { $count } Anfragen wurden zurückgezogen.
    }
ops-kill-proposed = { $name } schlägt die Freigabe vor;
ops-kill-own = ein anderer Admin muss sie bestätigen
ops-kill-release = Freigeben …
ops-kill-release-then = Dann kann wieder angefragt und genehmigt werden: { $name }. Was beendet wurde, bleibt beendet. Ein zweiter Admin muss es innerhalb von 30 Minuten bestätigen.
ops-kill-propose = Freigabe vorschlagen
ops-kill-confirm = Bestätigen und freigeben
ops-kill-new = Zugang jetzt beenden
ops-kill-what = Beendet jeden laufenden Zugang eines Kontos, einer Berechtigung oder aller, zieht zurück, was wartet, und hält dort Genehmigungen an, bis zwei Admins sie freigeben. Als Nächstes sehen Sie, wer was verliert, bevor etwas geschieht.
ops-kill-scope = Wessen Zugang
ops-kill-scope-user = der eines Kontos
ops-kill-scope-entitlement = der einer Berechtigung
ops-kill-scope-all = der von allen
ops-kill-which = Welches Konto oder welche Berechtigung
ops-kill-which-hint = Ein Konto mit Benutzername, Objekt-ID oder ID; eine Berechtigung mit Wörtern ihres Namens oder ihrer Beschreibung. Leer für alle.
ops-kill-look = Sehen, was enden würde
ops-kill-not-found = Keine Berechtigung hat alle diese Wörter im Namen oder in der Beschreibung: { $text }
ops-kill-found = Welche davon?
ops-kill-more = Es gibt mehr. Geben Sie mehr vom Namen ein.
ops-kill-press-title = Zugang jetzt beenden
ops-kill-press-ends =
    Beendet { $grants ->
        [one] einen laufenden Zugang
       *[other] { $grants } laufende Zugänge
    } und zieht { $requests ->
        [one] eine wartende Anfrage
       *[other] { $requests } wartende Anfragen
    } zurück.
ops-kill-press-more = Es gibt mehr, als gezählt wurden; alle enden.
ops-kill-press-scheduled =
    { $count ->
        [one] Ein Zugang, der später beginnen sollte, wird zurückgezogen.
       *[other] { $count } Zugänge, die später beginnen sollten, werden zurückgezogen.
    }
ops-kill-press-then = Hier kann nichts angefragt, genehmigt oder aktiviert werden, bis zwei Admins es freigeben. Was bis dahin hinzukommt, endet ebenfalls.
ops-kill-press-some = Wer was verliert
ops-kill-who = Wer
ops-kill-access = Zugang
ops-kill-state = Stand
ops-kill-until = Bis
ops-kill-live = läuft
ops-kill-ending = endet schon
ops-kill-scheduled = beginnt später
ops-kill-waiting = wartet auf Genehmigung
ops-kill-reason = Warum
ops-kill-reason-hint = Wird Admins gezeigt und aufbewahrt.
ops-kill-type = Geben Sie zur Bestätigung ein: { $name }
ops-kill-type-either = { $name } oder { $user }
ops-kill-type-hint = Damit endet, was Sie meinen, und nichts anderes.
ops-kill-press = Diesen Zugang jetzt beenden
ops-kill-not = Nicht beenden
ops-kill-confirm-until = Diese Seite gilt bis
admin-done-pressed = Gedrückt. Der Zugang endet jetzt; unten sehen Sie, wie weit es ist.
admin-done-release-proposed = Vorgeschlagen. Ein anderer Admin muss es innerhalb von 30 Minuten bestätigen.
admin-done-released = Freigegeben.

# Verbundene Konten
ops-links-title = Verbundene Konten
ops-links-what = Ein Mensch kann mehrere Konten haben: eines für jeden Tag und eines zum Administrieren etwa. Regeln, die zwei Menschen verlangen, sehen auf Menschen, damit niemand mit einem anderen Konto für sich selbst genehmigt.
ops-links-look = Wer ist wer
ops-links-who = Konto
ops-links-who-hint = Benutzername, Objekt-ID oder ID.
ops-links-look-now = Konten dieses Menschen zeigen
ops-links-person-of =
    { $count ->
        [one] Ein Konto
       *[other] { $count } Konten eines Menschen
    }
ops-links-by-admin = von einem Admin verbunden
ops-links-by-attribute = durch das Attribut verbunden
ops-links-common-here = Mehr als { $most } Konten haben diesen Wert des Attributs; deshalb verbindet er keines.
ops-links-list = Von Admins verbunden
ops-links-none = Keine Konten sind von Hand verbunden.
ops-links-at = Verbunden
ops-links-one-person = Ein Mensch
ops-links-unlink = Trennen …
ops-links-unlink-then = { $name } gilt dann als anderer Mensch, der für die übrigen Konten genehmigen könnte. Was ein Attribut verbindet, bleibt verbunden.
ops-links-unlink-now = Konto trennen
ops-links-new = Zwei Konten verbinden
ops-links-new-what = Beide werden ein Mensch, mit allem, was mit einem von ihnen schon verbunden war. Niemand verbindet oder trennt die eigenen Konten.
ops-links-one = Das eine Konto
ops-links-other = Das andere Konto
ops-links-link = Verbinden
ops-links-attribute = Durch ein Attribut
ops-links-attribute-what = Konten mit demselben Wert des Attributs sind ein Mensch. Ein Wert, den mehr als { $most } Konten haben, verbindet keines: Er kennzeichnet keinen Menschen.
ops-links-linking = Werte, die verbinden
ops-links-too-common = Werte, die zu häufig sind
ops-links-at-least = oder mehr
ops-links-attribute-choose = Attribut
ops-links-attribute-none = Keines
ops-links-employee-number = employeeNumber (in Entra: employeeId)
ops-links-person = person der Erweiterung urn:ietf:params:scim:schemas:extension:hourglass:2.0:User
ops-links-attribute-save = Wählen
admin-done-linked = Verbunden.
admin-done-unlinked = Getrennt.
admin-done-links-attribute = Gewählt.

ops-azure-secret-missing = für diesen Client noch nicht eingegeben: Geben Sie es unten ein. Bis dahin gelten die zuvor eingegebenen Zugangsdaten weiter.

## signin

signin-failed-title = Nicht angemeldet
signin-code = Microsoft erklärt das unter der Nummer AADSTS{ $code }.
signin-sessions-title = Wo Sie angemeldet sind
signin-sessions-intro = Jede Zeile ist ein Browser, der in Ihrem Namen angemeldet ist. Eine Anmeldung endet nach 30 Minuten ohne Gebrauch und 8 Stunden nach ihrem Beginn.
signin-browser = Browser
signin-began = Angemeldet
signin-seen = Zuletzt verwendet
signin-ends = Endet spätestens
signin-actions = Was Sie tun können
signin-here = (dieser)
signin-end-here = Hier abmelden
signin-end = Diese Anmeldung beenden
signin-lost = Ein Gerät verloren?
signin-lost-text = Beendet jede Anmeldung außer dieser. Wer sie benutzt, muss sich neu anmelden.
signin-end-others = Alle anderen Anmeldungen beenden
signin-out-title = Abgemeldet
signin-out-text = Dieser Browser ist bei Hourglass nicht mehr angemeldet. Bei Microsoft bleiben Sie es, bis Sie es dort beenden.
signin-out-microsoft = Auch bei Microsoft abmelden
signin-tenants-title = Anmelden
signin-tenants-text = Mehrere Organisationen verwenden dieses Hourglass. Welche ist Ihre?
signin-not = Sie wurden nicht angemeldet: { $why }.
signin-why-tenant-not-here = Personen dieses Mandanten können sich hier nicht anmelden
signin-why-no-answer = der Identitätsanbieter antwortet nicht
signin-why-secret-refused = der Identitätsanbieter nimmt das Geheimnis der Anmelde-Registrierung nicht an; ein Administrator muss es ersetzen
signin-why-unknown-sign-in = der Identitätsanbieter kennt diese Anmeldung nicht (mehr)
signin-why-answer-unreadable = die Antwort des Identitätsanbieters ist nicht zu lesen
signin-why-other-provider = die Antwort ist die eines anderen Identitätsanbieters
signin-why-no-id-token = der Identitätsanbieter hat kein ID-Token gesendet
signin-why-token-version = das ID-Token hat eine unbekannte Version
signin-why-token-tenant = das ID-Token gehört zu einem anderen Mandanten
signin-why-token-early = das ID-Token gilt noch nicht
signin-why-token-nobody = das ID-Token nennt keine Person
signin-why-token-no-time = das ID-Token sagt nicht, wann Sie sich angemeldet haben; ein Administrator muss den optionalen Anspruch auth_time zu den ID-Tokens der Anmelde-Registrierung hinzufügen
signin-why-token-expired = das ID-Token ist abgelaufen
signin-why-token-audience = das ID-Token ist für eine andere Anwendung
signin-why-token-issuer = das ID-Token kommt von einem anderen Aussteller
signin-why-token-nonce = das ID-Token gehört zu einer anderen Anmeldung
signin-why-token-signature = die Signatur des ID-Tokens ist nicht gültig
signin-why-token-unreadable = das ID-Token ist nicht zu lesen
signin-why-secret-store = der Geheimnisspeicher antwortet nicht
signin-why-secret-missing = das Geheimnis der Anmelde-Registrierung ist nicht gespeichert; ein Administrator muss das tun
signin-off = Ihr Konto ist in Hourglass abgeschaltet: Es wurde in Entra deaktiviert.
signin-cancelled = Die Anmeldung wurde abgebrochen, oder Microsoft lässt Sie Hourglass nicht verwenden.
signin-needs-you = Microsoft braucht etwas von Ihnen, bevor es Sie anmeldet: Melden Sie sich erneut an.
signin-no-consent = Hourglass wurde in Ihrem Mandanten noch nicht zugestimmt; ein Administrator muss das tun, einmal für alle.
signin-microsoft-off = Microsoft kann gerade niemanden anmelden.
signin-microsoft-refused = Microsoft hat Sie nicht angemeldet.
signin-not-begun = Diese Anmeldung wurde nicht in diesem Browser begonnen, wurde schon verwendet oder hat länger als 10 Minuten gedauert.
signin-other = Die Antwort des Identitätsanbieters gehört zu einer anderen Anmeldung.
signin-no-answer = Der Identitätsanbieter hat keinen Code gesendet.
signin-no-factor = Der Identitätsanbieter hat keinen zweiten Faktor bestätigt: Keine Richtlinie für bedingten Zugriff, die Sie betrifft, hat für den eingestellten Authentifizierungskontext geantwortet.
signin-earlier = Der Identitätsanbieter hat Sie mit einer früheren Anmeldung durchgelassen, und hierfür ist eine neue nötig.
