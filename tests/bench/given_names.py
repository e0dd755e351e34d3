"""Writes aggregator/dedup/given_names.npz: hashes of given names, by which a person named in full is known.

    python -m tests.bench.given_names

Needs Faker (MIT), whose providers hold given names of some 80 countries, which the program does not: only hashes are
kept.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from faker.providers import person

from aggregator.dedup.persons import LEAST_LETTERS, name_hash

WRITTEN = (
    Path(__file__).resolve().parents[2] / "aggregator" / "dedup" / "given_names.npz"
)


def given_names() -> Iterator[str]:
    """The given names of all of Faker's locales; some more than once."""
    for found in pkgutil.iter_modules(person.__path__):
        if not found.ispkg:
            continue
        module = importlib.import_module(f"{person.__name__}.{found.name}")
        for attribute in dir(module.Provider):
            if not attribute.startswith("first_name"):
                continue
            # Sequences, or mappings to how common each is; the rest are methods that draw one.
            names = getattr(module.Provider, attribute)
            if not isinstance(names, (tuple, list, dict)):
                continue
            for name in names:
                # Japanese ones are written in three scripts.
                yield from (name,) if isinstance(name, str) else name


def main() -> None:
    hashes = {name_hash(name) for name in given_names() if len(name) >= LEAST_LETTERS}
    np.savez_compressed(WRITTEN, names=np.array(sorted(hashes), np.uint32))
    print(f"{len(hashes)} given names")


if __name__ == "__main__":
    main()
