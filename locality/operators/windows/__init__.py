"""Window functions: rows put in order once for all calls that share it, then ranks, neighbours and sums of frames."""
