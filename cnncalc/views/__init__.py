"""Views: what a command shows. Each builds a document, which a writer of cnncalc.formats writes."""
