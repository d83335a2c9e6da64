"""Errors of the user, which the command line reports as one line and exit code 2, without a traceback."""

import importlib.util

PACKAGE_OF = {"sklearn": "scikit-learn"}


class Failure(Exception):
    """An error of the user. Its message says in one line what is wrong and what to do."""


def require(extra: str, *modules: str) -> None:
    """Raise `Failure` with the pip command when one of ``modules`` is not installed.

    Parameters
    ----------
    extra : str
        The optional-dependencies group of pyproject.toml that brings them.
    *modules : str
        Top-level names as they are imported.
    """
    missing = [PACKAGE_OF.get(name, name) for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise Failure(
            f"this needs {' and '.join(missing)}: pip install 'gemmconv[{extra}]' (in a checkout: pip install "
            f"'.[{extra}]')"
        )
