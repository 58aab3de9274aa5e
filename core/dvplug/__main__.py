"""`python -m dvplug`: the command, by whichever interpreter."""

from dvplug.cli import command

if __name__ == "__main__":
    command()
