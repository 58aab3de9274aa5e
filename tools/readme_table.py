"""Write the README's table of errors from the model cards.

python tools/readme_table.py
"""

from __future__ import annotations

from cyclopts import App

from dvplug_lab.places import REPOSITORY
from dvplug_lab.readme_table import with_table
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main() -> None:
    """Write the table."""
    readme = REPOSITORY / "README.md"
    cards = sorted((REPOSITORY / "model_cards").glob("*.md"))
    readme.write_text(with_table(readme.read_text(), cards))


if __name__ == "__main__":
    run(app)
