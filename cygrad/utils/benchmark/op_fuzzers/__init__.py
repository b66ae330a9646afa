"""Inputs of operators to time."""
