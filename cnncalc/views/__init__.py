"""Views: each builds the document that a command shows; :mod:`cnncalc.formats` writes it."""
