"""Starts the real binary, puts a checking proxy before it, runs the suites of the SDKs through that, and counts."""
