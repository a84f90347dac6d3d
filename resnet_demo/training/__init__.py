"""How it learns: a generator of events, a process that drains it, and the folder both sides share."""
