"""From a kernel's Python text to LLVM's: the subset of Python and numpy that kernels and primitives are written in.

Functions call each other and what :mod:`locality.kernel.lowering.calls` lists. There are no objects, no exceptions and
no allocation but ``np.empty`` of a constant size, which lies on the stack. What is beyond the subset raises
:class:`locality.kernel.lowering.types.LoweringError` when it is compiled, with the file, the line and the construct.

Every name has one machine type, found by reading the function as often as its types still grow. What it means:

- Integers and their literals are computed in 64 bits, as unsigned if both operands are. Elements of arrays and what is
  cast (``int32(x)``) have the width that they say; a cast to fewer bits keeps the lower ones. Unsigned arithmetic
  wraps. Signed sums and products must not overflow: LLVM may assume it. Booleans add up as 0 and 1.
- ``//`` and ``%`` round down; by 0, and where the least integer is divided by -1, they give 0. ``/`` gives a double.
- Shifts by 64 bits and more shift everything out; the type is that of the left operand.
- Integers compare by value, also signed ones with unsigned ones. NaN compares as in IEEE 754: equal to nothing. ``min``
  and ``max`` keep the first argument unless the second is less, or greater.
- A double becomes an integer by dropping its fraction; it must be in the integer's range.
- Arrays are contiguous. A negative index counts from the end, none is checked; slices stay within the array.
- ``and`` and ``or`` give booleans, and evaluate no more than Python does where that can be told apart.
"""
