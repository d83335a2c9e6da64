"""The comparison with other libraries, for ``bench/compare.py``: the libraries, the targets, tables and pictures.

It is no part of the installed package: what is measured and how comes from ``gemmconv.cli.bench``.
"""
