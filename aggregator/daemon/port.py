"""The status port of a machine that may run several workers.

Workers of one stage that share a machine share feeds.toml, too, and with it `[http] listen`: the first has the port,
another one takes it over when that one has ended.
"""

from __future__ import annotations

import errno

import structlog

from aggregator.errors import AggregatorError
from aggregator.watch.http import StatusServer

log = structlog.get_logger()


class StatusPort:
    """`server` at `place` (host, port), where one is configured; `is_shared`: others on this machine may have it."""

    def __init__(
        self,
        server: StatusServer | None,
        place: tuple[str, int] | None,
        *,
        is_shared: bool,
    ) -> None:
        self._server = server
        self._place = place
        self._is_shared = is_shared
        self.is_open = False

    async def open(self) -> None:
        """Open it unless it is; call it now and then. Raises AggregatorError when it cannot be opened, but not when it
        is shared and another has it."""
        if self._server is None or self._place is None or self.is_open:
            return
        where = f"[http] listen = {self._place[0]}:{self._place[1]}"
        try:
            await self._server.start(*self._place)
        except OSError as error:
            if not self._is_shared or error.errno != errno.EADDRINUSE:
                remedy = "choose another"
                if error.errno == errno.EADDRINUSE:
                    remedy = "if another aggregator runs here, stop that one first; else choose another"
                raise AggregatorError(
                    f"{where} cannot be opened: {error.strerror or error}; {remedy}"
                ) from None
            log.info(
                "status_port_taken",
                place=where,
                remedy="it is opened here when it is free",
            )
        else:
            self.is_open = True

    async def close(self) -> None:
        """Take no more questions, and end the streams of those who watch."""
        if self._server is not None:
            await self._server.stop()
