# Zugang anfragen, und was man hat.
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
