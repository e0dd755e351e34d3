"""What of a server's settings may cost us data, as its own INFO and CONFIG tell it. Pure.

Rules: only what is known is told. A managed server often refuses CONFIG: then nothing is said of its snapshots.
"""

from __future__ import annotations

from collections.abc import Mapping


def risks_of(
    info: Mapping[str, object],
    save: str | None,
) -> tuple[str, ...]:
    """One sentence for each risk. `info` holds the sections memory and persistence, `save` is CONFIG GET save, None
    where the server does not tell."""
    risks = []
    policy = str(info.get("maxmemory_policy", "noeviction"))
    limit = int(str(info.get("maxmemory", 0)) or 0)
    # Without a limit nothing is evicted, whatever the policy.
    if limit > 0 and policy != "noeviction":
        risks.append(
            f"the Redis server may evict our keys when its memory is full (maxmemory-policy {policy}): what was "
            "seen is forgotten then and published again; set maxmemory-policy noeviction"
        )
    # A server that does not say is not accused.
    appends = str(info.get("aof_enabled", "1")) != "0"
    if not appends and save is not None and not save.strip():
        risks.append(
            "the Redis server keeps nothing on disk (appendonly no, save off): its restart loses feeds, entries and "
            "consumer groups; set appendonly yes"
        )
    return tuple(risks)
