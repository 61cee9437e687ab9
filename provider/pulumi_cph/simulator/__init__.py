"""A simulated Huawei Cloud: phones that are stopped and restarted by jobs, behind the real wire format.

It is the other side of the wire. It shares no code with the client it judges, and every point that the
published documents leave open is an option (`Options`), so that a client can be tried against each reading.

What is where:

- `world` the phones and jobs of one project, as a state machine with its clock passed in;
- `cloud` one account: a world per region, keys, options, faults and the log of requests;
- `front` pure: a request in, a response out. No network, no threads, no sleeping;
- `server` the same over HTTP (needs the extra ``pulumi-cph[simulator]``; everything else does not);
- `control` what tests and demonstrations may ask for under ``/_control/``.
"""

from __future__ import annotations

from pulumi_cph.simulator.clock import SteppedClock
from pulumi_cph.simulator.cloud import Cloud
from pulumi_cph.simulator.faults import Fault
from pulumi_cph.simulator.front import respond
from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.wire import Request, Response
from pulumi_cph.simulator.world import World

__all__ = ["Cloud", "Fault", "Options", "Request", "Response", "SteppedClock", "World", "respond"]
