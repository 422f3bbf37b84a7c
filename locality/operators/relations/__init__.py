"""What operators read and pass on: stored tables and intermediate results as encoded columns."""
