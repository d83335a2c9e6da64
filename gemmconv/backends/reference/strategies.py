"""The strategies of the reference backend: the direct loop in NumPy. It refuses the other names of the CPU backend."""

from gemmconv import _core

STRATEGIES = {"direct": ("loops",)}


def chosen(name: str) -> tuple[str, str]:
    """The strategy and variant for ``"auto"``, ``"measure"``, a strategy, or ``"strategy/variant"``.

    Raises
    ------
    ValueError
        If there is no such strategy or variant.
    UnsupportedError
        If only the CPU backend has it.
    """
    known = ("auto", "measure", *_core.strategy_names())
    if not isinstance(name, str):
        raise TypeError(f"strategy must be a string, one of {', '.join(map(repr, known))}; got {name!r}")
    if name in ("auto", "measure"):
        name = "direct"
    strategy, named, variant = name.partition("/")
    if strategy not in _core.strategy_names():
        raise ValueError(f"unknown strategy {name!r}; it must be one of {', '.join(map(repr, known))}")
    variants = STRATEGIES.get(strategy) or _core.strategies()[strategy]
    if named and variants and variant not in variants:
        raise ValueError(f"unknown variant {name!r}; the variants of {strategy!r} are {', '.join(variants)}")
    if strategy not in STRATEGIES:
        raise _core.UnsupportedError(f"strategy {name!r} is refused: the reference backend has only the direct loop")
    return strategy, variant or variants[0]
