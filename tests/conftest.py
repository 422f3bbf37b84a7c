"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from locality.kernel.machinecode import OPTIMISE_VARIABLE
from tests.properties.effort import EFFORT

#: Machine code is made while examples run, so that times tell nothing. A default run takes the same examples each time.
settings.register_profile(
    "locality",
    deadline=None,
    derandomize=EFFORT == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("locality")

#: Few rows are run by code that is not optimised; a run that takes more effort tries the optimised code as well.
if EFFORT > 1:
    os.environ.setdefault(OPTIMISE_VARIABLE, "1")
