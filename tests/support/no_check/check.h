/* What the tests find where configure has found no libcheck. */
#error "make check needs libcheck, 0.15 or newer: install it, and configure again"
