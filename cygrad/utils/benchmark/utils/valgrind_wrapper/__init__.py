"""Counting instructions by Valgrind, which cygrad does not do."""
