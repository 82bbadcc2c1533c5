# What goes wrong.
error-field = At fault:
error-rule = Rule:
error-way-sign-in = Sign in
error-way-sign-in-again = Sign in again
error-way-request = Search for access

# Titles by status.
error-title-400 = This could not be read
error-title-401 = Sign in first
error-title-403 = You may not do this
error-title-404 = There is nothing here
error-title-405 = This does not work this way
error-title-409 = This does not fit any more
error-title-413 = This is too large
error-title-415 = This could not be read
error-title-422 = Something is not as it has to be
error-title-429 = This was too often
error-title-500 = Something is wrong with Hourglass
error-title-503 = Hourglass cannot answer right now
error-title-other = This did not work

# What is refused before any rule is asked, by code.
error-not-found = There is nothing at this address, or nothing that you may see. A link may be old, or cut off.
error-too-large = What was sent is too large.
error-form-token = This form belongs to another sign-in. Open the page again and repeat what you did.
error-cross-origin = This call does not come from a page of Hourglass, so it was not carried out.
error-method-not-allowed = This path does not take that method.
error-unavailable = Hourglass cannot do this right now. Try again in a few seconds.
error-internal = Something went wrong inside Hourglass.
error-sign-in-recent = You signed in more than 15 minutes ago, which is too long for this. Sign in again and repeat it.
error-signed-out = You are not signed in any more. Sign in again and repeat what you did.
