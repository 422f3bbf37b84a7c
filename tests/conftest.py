"""Settings of all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.properties.effort import EFFORT

#: Machine code is made while examples run, so that times tell nothing. A default run takes the same examples each time.
settings.register_profile(
    "locality",
    deadline=None,
    derandomize=EFFORT == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("locality")
