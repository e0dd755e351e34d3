"""What goes to a child and comes back, as bytes: pickled, records as their class and the values of their fields.

Of its own pickle asks each frozen record with slots for its state by a function in Python that looks the names of the
fields up anew, and sets them one by one: of a feed with 3,000 known entries that was 18 ms at each change. Read with
`pickle.loads`.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any

_Reducer = Callable[[Any], tuple[Any, ...]]
_FEWEST_FIELDS = 2
"""Of one field `attrgetter` answers with the value alone."""


class _Reducers(dict[type, _Reducer]):
    """How records are taken apart, by class; those met for the first time are looked at then."""

    def __missing__(self, cls: type) -> _Reducer:
        reducer = _reducer_of(cls)
        if reducer is None:
            # Pickle goes on as if there were no table.
            raise KeyError(cls)
        self[cls] = reducer
        return reducer


def _reducer_of(cls: type) -> _Reducer | None:
    """None of what is no record, or cannot be made anew from its fields in their order."""
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _reduced_tuple
    # One without slots may hold more than its fields.
    if not is_dataclass(cls) or "__slots__" not in vars(cls):
        return None
    known = fields(cls)
    if len(known) < _FEWEST_FIELDS:
        return None
    for field in known:
        if not field.init or field.kw_only:
            return None
    values = attrgetter(*(field.name for field in known))

    def reducer(record: Any) -> tuple[Any, ...]:
        return cls, values(record)

    return reducer


def _reduced_tuple(record: Any) -> tuple[Any, ...]:
    """A named tuple, which by itself is asked for its values by a function in Python."""
    return record.__class__, tuple(record)


_reducers = _Reducers()


def packed(value: object) -> bytes:
    """The value as bytes. Raises what pickle raises of one that cannot be pickled."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _reducers
    pickler.dump(value)
    return stream.getvalue()
