"""The digest as JSON, for programs: the fields of `model.Digest`, one line, and back again.

Rules: the record's own field names; instants as ISO 8601 in UTC, spans as ISO 8601 durations. Reading ignores fields
it does not know, so that files of a newer version stay readable. Pure.
"""

from __future__ import annotations

import orjson
from pydantic import TypeAdapter

from aggregator.model import Digest

_DIGEST = TypeAdapter(Digest)


def digest_json(record: Digest) -> bytes:
    """One line of UTF-8 JSON without a final newline; the same record always gives the same bytes."""
    return orjson.dumps(
        _DIGEST.dump_python(record, mode="json"), option=orjson.OPT_SORT_KEYS
    )


def digest_from_json(line: bytes | str) -> Digest:
    """The record of a line that `digest_json` wrote. Raises ValueError for anything else."""
    return _DIGEST.validate_json(line)
