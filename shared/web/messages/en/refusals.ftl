# The sentences of refusals stand in the domain in English: here are none.
