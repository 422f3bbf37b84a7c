"""The benchmark suites: real queries on real data, every answer compared, every sample kept.

``cli.run`` is the entry. ``suites`` has one module or package a suite, ``engines`` one module an engine; ``runner``
measures, ``comparison`` checks answers, ``record`` says what a run leaves as JSON, and ``report`` prints it.
"""
