"""How good it is, in figures, each beside a baseline measured in the same run: ``make bench``."""
