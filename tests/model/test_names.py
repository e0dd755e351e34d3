"""The names of `aggregator.model` are found though no module is imported before."""

from __future__ import annotations

import pytest

from aggregator import model
from aggregator.model import event, records


@pytest.mark.parametrize("name", model.__all__)
def test_each_name_of_the_model_is_found(name: str):
    assert getattr(model, name) is getattr(model, name)
    assert name in vars(model)


def test_what_the_model_has_not_is_missing():
    with pytest.raises(AttributeError, match="has no attribute 'Etnry'"):
        model.Etnry  # noqa: B018
    with pytest.raises(ImportError):
        from aggregator.model import Etnry  # noqa: F401


def test_a_name_of_the_model_is_that_of_its_module():
    assert model.Event is event.Event
    assert model.replace is records.replace
