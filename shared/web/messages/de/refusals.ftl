# Ein Satz für jeden Code einer Ablehnung, mit den Angaben, die hourglass_domain::refusal::Refusal::parameters nennt. Auf
# Englisch steht er im Code selbst.
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
problem-not-configured = { $what }
