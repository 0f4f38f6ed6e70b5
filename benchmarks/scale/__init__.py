"""The same desk at two sizes: whether a page costs the same with a hundred times as many tickets."""
