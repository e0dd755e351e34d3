"""What the first documents of a reading child cost, with and without `pipeline.warmed` loaded before: two processes.

python -m tests.bench.reading_start
"""

from __future__ import annotations

import subprocess
import sys

_CHILD = """
import sys, time
from datetime import UTC, datetime
if sys.argv[1] == "warmed":
    import aggregator.pipeline.warmed
from aggregator.model import Backlog, DocumentSettings, Feed, IdentityRule
from aggregator.pipeline.reading import ReadRequest, read
from datetime import timedelta
from tests.bench.scale_out import document
now = datetime.now(UTC)
costs = []
for number in range(3):
    request = ReadRequest(feed=Feed("f", "http://127.0.0.1/", backlog=Backlog.ALL), url="http://127.0.0.1/",
        body=document(number, 6, now), content_type="application/xml", known={}, identity=IdentityRule(),
        documents=DocumentSettings(), window=timedelta(hours=72), now=now, first_poll=True)
    started = time.process_time()
    read(request)
    costs.append(f"{1000 * (time.process_time() - started):.0f} ms")
print(sys.argv[1], ", ".join(costs))
"""


def main() -> None:
    for how in ("cold", "warmed"):
        subprocess.run([sys.executable, "-c", _CHILD, how], check=True)


if __name__ == "__main__":
    main()
