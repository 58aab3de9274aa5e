"""`python -m dvplug`: the command, by whichever interpreter."""

from dvplug.cli import main

if __name__ == "__main__":
    main()
