"""From a kernel's Python text to LLVM's: the subset of Python and numpy that kernels and primitives are written in.

Every name has one machine type, found by reading the function as often as its types still grow:

- Integers and their literals are 64 bits wide in arithmetic; the result is unsigned if both operands are. An array's
  elements and what is cast (``int32(x)``) have the width that they say. Signed arithmetic must not overflow.
- ``/`` gives a double. ``//`` and ``%`` of integers round down; by 0 they give 0.
- Arrays are contiguous. A negative index counts from the end, none is checked; slices stay within the array.
- Functions call each other and what :mod:`locality.kernel.lowering.calls` lists. There are no objects, no exceptions
  and no allocation but ``np.empty`` of a constant size, which lies on the stack.

What is beyond the subset raises :class:`LoweringError` when it is compiled.
"""
