"""What the page does, from a terminal. `main` puts the commands together, each of which stands in a module here."""
