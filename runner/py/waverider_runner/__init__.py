"""The parts of the Python runner. Only the standard library is used, and of
that as little as can be: an idle Instance stays below 14 MB."""
