# Eingang, Entscheidungen, Aktivierungen, Überprüfungen und Vertretungen.
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
inbox-risk-guest = Gast
inbox-risk-new-account = neues Konto
inbox-risk-not-active = Konto ist aus
inbox-risk-first-request = erste Anfrage
inbox-risk-copied = gleiche Worte wie eine andere
inbox-careful-critical = Dies ist als kritisch markiert: Wer es hat, kann großen Schaden anrichten.
inbox-careful-role-assignable = { $group } kann Verzeichnisrollen tragen und damit Macht über den Mandanten geben.
inbox-careful-look-alike = Der Name { $name } lässt sich mit dem von { $others } verwechseln. Vergewissern Sie sich, wer anfragt.
inbox-careful-mixed-scripts = Der Name { $name } mischt Buchstaben mehrerer Schriften, die gleich aussehen und es nicht sind.
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
