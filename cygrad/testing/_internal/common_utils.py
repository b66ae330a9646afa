"""A unittest.TestCase that compares tensors."""

import unittest

from .._comparison import assert_close


class TestCase(unittest.TestCase):
    """`assertEqual` compares tensors, arrays, numbers and containers of them by `assert_close`."""

    def assertEqual(self, x, y, msg=None, *, atol=None, rtol=None, equal_nan=True, exact_dtype=True):
        try:
            assert_close(
                x, y, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=exact_dtype, msg=msg
            )
        except TypeError:  # nothing that holds numbers
            super().assertEqual(x, y, msg)


def run_tests():
    """Runs the tests of the program."""
    unittest.main()
