"""How good boxes are that a model put around things; pure functions of NumPy arrays.

A box is left, top, width and height in pixels, a row of a float64 array [n, 4]; width and height
are above 0. A label is a whole number in [0, k).
"""
