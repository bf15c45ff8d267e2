from __future__ import annotations

from facelage.evaluate.html_words import facts

FIGURES = {"summary": {"n": 5}, "images": 6, "failures": {"no_face": 1}, "rounds": 1000}


def test_what_stands_in_no_figure_is_told() -> None:
    told = facts(FIGURES | {"rejected": {"no_face": 9, "unreadable": 2}, "implausible": 3})
    assert "Rejected by prepare, and in no figure: 9 no_face, 2 unreadable." in told
    assert "No age that people reach: 3 predictions." in told


def test_the_unit_of_the_bootstrap_is_told() -> None:
    assert "Intervals are from 1,000 bootstrap rounds that draw faces." in facts(FIGURES)
    grouped = facts(FIGURES | {"n_groups": 4})
    assert "Intervals are from 1,000 bootstrap rounds that draw 4 groups of faces." in grouped
    assert not any("Rejected" in text or "reach" in text for text in grouped)
