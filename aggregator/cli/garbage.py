"""How often Python looks for garbage that reference counts do not free."""

from __future__ import annotations

import gc

YOUNG = 10_000
"""Objects made and not freed after which the young ones are looked at: a batch of the event stage makes some ten
thousand, nearly all without circles, and Python's own 700 had it look through them seventy times."""
OLDER, OLDEST = 20, 20
"""Looks at the young ones to one at the older ones, and of these to one at all (guesses)."""


def collect_seldom() -> None:
    """Look for garbage less often; to be called before a command imports what it needs.

    Nothing of what is imported is garbage: looking for it was an eighth of what `status` needs to import.
    """
    gc.set_threshold(YOUNG, OLDER, OLDEST)


def keep_what_is_loaded() -> None:
    """Never look again at what there is now; to be called when all that is needed has been imported.

    Modules, functions and classes are a hundred thousand objects that live as long as the process. In a first poll of
    100 feeds the daemon spent 7 % of its processor time on looking at them and at batches under way.
    """
    gc.freeze()
