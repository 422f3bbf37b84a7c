"""SQL text to plans, by DuckDB's parser, binder and optimizer; and SQL answered by DuckDB where we can't."""
