# The frame of every page, times, and what scripts say.
brand = Hourglass
skip = Skip to content
nav = Console
nav-request = Request
nav-access = My access
nav-inbox = Inbox
nav-history = History
nav-admin = Admin
nameless = Signed in, not provisioned
menu-passkeys = Passkeys
menu-sessions = Where you are signed in
menu-delegates = Delegates
menu-language = Language
menu-theme = Colours
menu-sign-out = Sign out
theme-system = as the system
theme-light = light
theme-dark = dark

# Formats of times, as strftime has them.
format-minute = %-d %b %Y, %H:%M
format-clock = %H:%M
format-day = %-d %b %Y

left = { $time } left
left-none = over
span-seconds = { $seconds } s
span-minutes = { $minutes } min
span-hours = { $hours } h
span-hours-minutes = { $hours } h { $minutes } min
span-days = { $days } d
span-days-hours = { $days } d { $hours } h

script-copied = Copied
script-signing-in = Signing in again …
script-no-answer = Hourglass did not answer as expected. Nothing was changed; try again.
script-not-used = The passkey was not used: it was cancelled, took too long, or did not verify you. Nothing was changed.
script-known-already = This device has a passkey for your account already.
script-no-passkeys = This browser cannot use passkeys. Open this address in your usual browser:
script-waiting = Waiting for your passkey …

more = More
copy = Copy
no-script-passkey = A passkey needs script, which is switched off in this browser.
form-wrong = This was not saved:
