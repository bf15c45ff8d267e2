from __future__ import annotations

import json
from collections.abc import Callable

from facelage.models import get_weights, list_models


def test_the_promise_of_the_default_weights_is_printed(facelage: Callable) -> None:
    done = facelage("info")
    entry = get_weights()
    assert done.out.startswith(entry.name)
    for text in (entry.licence, entry.training_data, entry.limits, *list_models()):
        assert text in done.out
    assert "MAE" in done.out


def test_json_is_the_whole_entry(facelage: Callable) -> None:
    name = list_models()[0]
    entry = json.loads(facelage("info", name, "--json").out)
    assert entry["name"] == name
    assert entry["crop"]["size"] == 128
