"""Model files and code of other programs, to and from layers. Nothing of a file is executed."""
