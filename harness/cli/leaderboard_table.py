"""A leaderboard in a terminal."""

from __future__ import annotations

from rich.table import Table

from harness.cli.console import print_warnings, stdout
from harness.leaderboard.leaderboard import Leaderboard
from harness.report.leaderboard_text import notes_of, tables_of


def print_board(board: Leaderboard) -> None:
    """Print the leaderboard, and what has to be known to read it."""
    console = stdout()
    print_warnings(board.warnings)
    for head, rows in tables_of(board):
        table = Table(*head)
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows:
            table.add_row(*(cell.replace(" (", "\n(") for cell in row))
        console.print(table)
    for note in notes_of(board):
        console.print(note)
