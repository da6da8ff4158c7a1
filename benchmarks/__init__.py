"""How good it is, in results, each beside a baseline measured in the same run: ``make bench``."""
