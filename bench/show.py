"""The tables for people."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from bench.section import Section


def show(section: Section, load_average: float, console: Console) -> None:
    """Print one section, and how busy the machine was before it."""
    table = Table(title=section.title, title_justify="left", title_style="bold")
    for number, column in enumerate(section.columns):
        table.add_column(column, justify="right" if number else "left")
    for row in section.rows:
        table.add_row(*row)
    console.print()
    console.print(table)
    for note in (*section.notes, f"Load average before this suite: {load_average:.1f}."):
        console.print(note, style="dim", highlight=False)


def show_facts(facts: Mapping[str, str], console: Console) -> None:
    """Print what was measured on."""
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), highlight=False)
