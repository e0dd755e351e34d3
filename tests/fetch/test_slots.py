"""fetch.slots: one at a time for each host, with a pause, and waiting that ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from aggregator.fetch.slots import HostBusy, HostSlots


async def test_one_at_a_time_for_each_host_and_hosts_do_not_wait_for_each_other():
    free, inside, most = (
        HostSlots(interval=timedelta(0)),
        {"a": 0, "b": 0},
        {"a": 0, "b": 0},
    )
    both = False

    async def use(host: str) -> None:
        nonlocal both
        async with free.slot(host):
            inside[host] += 1
            most[host] = max(most[host], inside[host])
            both = both or all(inside.values())
            await asyncio.sleep(0.001)
            inside[host] -= 1

    await asyncio.gather(*(use(host) for host in "ab" * 10))
    assert most == {"a": 1, "b": 1}
    assert both


async def test_requests_to_one_host_are_spaced():
    free, times = HostSlots(interval=timedelta(seconds=0.05)), []
    for _ in range(3):
        async with free.slot("a"):
            times.append(asyncio.get_running_loop().time())
    assert times[1] - times[0] >= 0.05
    assert times[2] - times[1] >= 0.05


async def test_waiting_for_a_busy_host_ends():
    free = HostSlots(interval=timedelta(0), longest_wait=timedelta(seconds=0.05))
    async with free.slot("a"):
        with pytest.raises(HostBusy):
            async with free.slot("a"):
                pytest.fail("two at a time")
    async with free.slot("a"):
        pass


async def test_a_cancelled_waiter_leaves_the_slot_free():
    free = HostSlots(interval=timedelta(seconds=0.1))
    async with free.slot("a"):
        pass
    waiter = asyncio.create_task(free.slot("a").__aenter__())
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    async with free.slot("a"):
        pass


async def test_hosts_long_gone_are_forgotten():
    free = HostSlots(interval=timedelta(0))
    for number in range(3000):
        async with free.slot(str(number)):
            pass
    assert len(free._slots) <= 1001


async def test_an_interval_longer_than_anyone_waits_is_kept_all_the_same():
    """Behind a redirect, too: whoever comes too soon is told that the host is busy."""
    free = HostSlots(interval=timedelta(hours=1), longest_wait=timedelta(seconds=0.05))
    async with free.slot("a"):
        pass
    with pytest.raises(HostBusy):
        async with free.slot("a"):
            pytest.fail("asked before the interval was over")
