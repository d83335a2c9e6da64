"""Tables as text: aligned columns for a terminal, Markdown for a file."""

from collections.abc import Sequence


def text_table(headers: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Aligned columns.

    Parameters
    ----------
    headers : sequence of str
    rows : sequence of sequences of str
        A row shorter than ``headers`` ends in a remark, whose length does not widen a column.
    left : int
        How many of the first columns are aligned left; the others, numbers, are aligned right.
    """
    whole = [headers, *[row for row in rows if len(row) == len(headers)]]
    widths = [max(len(row[column]) for row in whole) for column in range(len(headers))]
    for row in rows:
        for column in range(len(row) - 1):
            widths[column] = max(widths[column], len(row[column]))

    def line(row: Sequence[str]) -> str:
        last = len(row) - 1
        cells = [
            cell if column == last and len(row) < len(headers) else align(cell, widths[column], column < left)
            for column, cell in enumerate(row)
        ]
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(headers), rule, *map(line, rows)])


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """The same table in Markdown; short rows are filled with empty cells."""
    filled = [[*row, *[""] * (len(headers) - len(row))] for row in rows]
    rule = ["---" if column < left else "---:" for column in range(len(headers))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(headers), rule, *filled])


def align(cell: str, width: int, left: bool) -> str:
    """``cell`` padded to ``width``."""
    return cell.ljust(width) if left else cell.rjust(width)
