"""The comparison with other libraries, for ``bench/compare.py``: who they are, what was aimed at, tables and pictures.

It is no part of the installed package: what is measured and how comes from ``gemmconv.cli.bench``.
"""
