"""What a session has beside tables: DuckDB's settings, by what they change, and names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from locality.sql import versions

TIME_ZONE = "TimeZone"
_FOLLOWED = frozenset(
    {"default_order", "default_null_order", "null_order", "integer_division", "order_by_non_integer_literal", TIME_ZONE}
)


@cache
def followed() -> frozenset[str]:
    """Settings that plans say in full, once they are bound, so that running them needs no setting."""
    return _FOLLOWED - versions.installed().unplanned_settings


#: Settings that don't change what a query answers: resources, and how DuckDB goes about its own work.
RESOURCES = frozenset(
    {
        *("threads", "worker_threads", "external_threads", "memory_limit", "max_memory", "operator_memory_limit"),
        *("temp_directory", "max_temp_directory_size", "enable_progress_bar", "enable_progress_bar_print"),
        *("progress_bar_time", "preserve_insertion_order", "write_buffer_row_group_memory_limit"),
        *("enable_profiling", "profiling_output", "profile_output", "profiling_coverage", "tracked_metrics"),
        *("explain_output", "approximate_join_order_threshold", "asof_loop_join_threshold", "merge_join_threshold"),
        *("nested_loop_join_threshold", "prefer_range_joins", "dynamic_or_filter_threshold", "perfect_ht_threshold"),
        *("ordered_aggregate_threshold", "late_materialization_max_rows", "streaming_buffer_size", "pin_threads"),
        *("allocator_background_threads", "allocator_flush_threshold", "checkpoint_threshold", "wal_autocheckpoint"),
    }
)


@dataclass(frozen=True)
class Schema:
    """What queries may name beside tables. database: the name of theirs.

    definitions: the views and macros in it, each by its name, in lower case, and the text that makes it.
    """

    database: str = "memory"
    definitions: tuple[tuple[str, str], ...] = ()
