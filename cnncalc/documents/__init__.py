"""Documents with markers: found by syntax, filled with what calls of cnncalc print. Text in, text out."""
