"""The advisor: from a workload to the layouts that it would move the fewest bytes over, and what each is worth."""
