# Die Seiten, die eine Anwendung am Laufen halten: erste Schritte, Verbindungen, SCIM, Abweichungen, Entzug, Notschalter, Konten.
ops-actions = Aktionen
ops-changed = Zuletzt geändert
ops-never = nie
ops-account = Konto
ops-account-hint = Benutzername, Objekt-ID oder ID. Ein Konto, das nicht bereitgestellt ist, nennen Sie mit seiner Objekt-ID.
ops-account-unknown = nicht bereitgestellt
ops-wrong-guid = Geben Sie eine GUID ein, etwa 6f9619ff-8b86-d011-b42d-00cf4fc964ff.
ops-wrong-day = Geben Sie einen Tag ein, etwa 2027-01-31.
ops-wrong-secret = Geben Sie den Wert des Geheimnisses ein. Was gespeichert ist, lässt sich nicht zurücklesen; deshalb gehört er zu jeder Änderung.
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
admin-done-azure = Der Konnektor ist gespeichert. Testen Sie die Verbindung, um zu sehen, ob er funktioniert.

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
ops-kill-press-ends = Beendet { $grants } laufende Zugänge und zieht { $requests } wartende Anfragen zurück.
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
