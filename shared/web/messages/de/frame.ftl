# Der Rahmen jeder Seite, Zeiten, und was Skripte sagen.
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
script-waiting = Warten auf Ihren Passkey …

more = Mehr
copy = Kopieren
no-script-passkey = Ein Passkey braucht Skript, das in diesem Browser ausgeschaltet ist.
form-wrong = Das wurde nicht gespeichert:
