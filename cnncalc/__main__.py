"""``python -m cnncalc`` is the command ``cnncalc``."""

from cnncalc.cli import main

if __name__ == "__main__":
    main()
