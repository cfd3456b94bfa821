"""`python -m ipe_sr` is `ipe-sr`."""

from ipe_sr.cli import main

if __name__ == "__main__":
    main()
