"""The convolutions that ``gemmconv check`` runs, each named for the difficulty that it tests."""

from gemmconv.cli.problems import Problem, make_problem

PROBLEMS: tuple[Problem, ...] = (
    make_problem("one_cell", (1, 1, 1, 1), (1, 1, 1, 1)),
    make_problem("plain_3x3", (2, 8, 12, 13), (6, 8, 3, 3), padding=1),
    make_problem("long_sum", (1, 64, 14, 14), (32, 64, 3, 3), padding=1),
    make_problem("partial_tiles", (1, 17, 9, 37), (31, 17, 3, 3), padding=1),
    make_problem("even_kernel_rotated", (2, 3, 9, 10), (4, 3, 2, 4), flip=True),
    make_problem("one_by_one", (3, 16, 7, 7), (24, 16, 1, 1)),
    make_problem("one_by_one_strided", (2, 16, 9, 8), (8, 16, 1, 1), stride=2),
    make_problem("stem_7x7", (1, 3, 32, 32), (16, 3, 7, 7), stride=2, padding=3),
    make_problem("stride_does_not_divide", (2, 4, 11, 14), (5, 4, 3, 3), stride=(3, 2)),
    make_problem("stride_beyond_kernel", (1, 3, 13, 13), (4, 3, 2, 2), stride=4),
    make_problem("uneven_padding", (2, 3, 8, 9), (4, 3, 3, 3), padding=((0, 2), (3, 1))),
    make_problem("padding_beyond_kernel", (1, 2, 5, 5), (3, 2, 2, 2), padding=4),
    make_problem("dilated", (1, 4, 15, 16), (4, 4, 3, 3), dilation=(2, 3), padding=2),
    make_problem("kernel_covers_input", (4, 5, 6, 6), (10, 5, 6, 6)),
    make_problem("groups", (2, 12, 10, 10), (8, 3, 3, 3), groups=4, padding=1),
    make_problem("depthwise", (2, 16, 11, 11), (16, 1, 3, 3), groups=16, padding=1),
    make_problem("depthwise_multiplier", (1, 6, 9, 9), (12, 1, 5, 5), groups=6, stride=2, padding=2, flip=True),
    make_problem("signal", (2, 3, 200), (4, 3, 9), stride=2, padding=4),
    make_problem("volume", (1, 3, 6, 7, 8), (4, 3, 3, 2, 3), padding=1, stride=(1, 2, 1)),
    make_problem("empty_batch", (0, 3, 6, 6), (4, 3, 3, 3), padding=1),
)
