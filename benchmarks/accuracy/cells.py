"""How the tables of the documentation show figures."""

from __future__ import annotations


def with_interval(
    value: float, ends: tuple[float, float] | list[float], digits: int, *, sign: bool = False
) -> str:
    """`value` and its interval, "4.57 (4.38 to 4.75)": a line breaks between the two only."""
    form = f"{'+' if sign else ''}.{digits}f"
    low, high = ends
    return f"{value:{form}} ({low:{form}}\u00a0to\u00a0{high:{form}})"
