"""The program with an encoder that never comes to an answer: `python -m tests.daemon.busy_encoder run --config F`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta

from aggregator.cli import main
from aggregator.daemon import encoder, files


def vectors(_headlines: Sequence[str]) -> list[bytes]:
    while True:
        pass


if __name__ == "__main__":
    from tests.daemon import busy_encoder

    encoder.vectors = busy_encoder.vectors
    encoder.ENCODING_LIMIT = timedelta(minutes=5)
    encoder.LOADING_LIMIT = timedelta(minutes=5)
    files.is_installed = lambda: True
    main(sys.argv[1:])
