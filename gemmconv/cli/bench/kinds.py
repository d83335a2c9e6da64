"""Kinds of layers, within which the same things limit the speed: rates and ratios are averaged for each kind."""

from gemmconv.cli.problems import Problem

KINDS = ("3x3", "1x1", "strided", "stem", "depthwise", "groups", "other")
DENSE = ("3x3", "1x1", "strided", "stem", "other")
MEANING = (
    "stem: at most 4 input channels; strided: any stride above 1; 3x3 and 1x1: stride 1, undilated; depthwise: one "
    "input channel a group; groups: several. The first that fits of depthwise, groups, stem, strided, 1x1, 3x3."
)


def kind_of(problem: Problem) -> str:
    """The kind of a problem, one of `KINDS`."""
    if problem.groups > 1:
        return "depthwise" if problem.w_shape[1] == 1 else "groups"
    if problem.x_shape[1] <= 4:
        return "stem"
    if max(problem.stride) > 1:
        return "strided"
    if max(problem.dilation) == 1 and len(set(problem.w_shape[2:])) == 1 and problem.w_shape[2] in (1, 3):
        return "1x1" if problem.w_shape[2] == 1 else "3x3"
    return "other"
