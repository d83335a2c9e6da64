"""A small network learns handwritten digits; its gradients are checked, and what it learned is drawn."""

import dataclasses

import gemmconv
from gemmconv.cli.demo import digits_learned, digits_tried
from gemmconv.cli.demo.stage import Outcome, Picture, Stage

EPOCHS = 30
REFERENCE_EPOCHS = 6  # plain NumPy takes a second for each


def run(stage: Stage) -> Outcome:
    """Train on four fifths of the scans, test on the rest, and compare the gradients with central differences."""
    from gemmconv.nn.digits import check_digits, train_digits

    epochs = stage.epochs or (REFERENCE_EPOCHS if stage.backend == "reference" else EPOCHS)
    trained = train_digits(epochs=epochs, backend=stage.backend)
    with gemmconv.options(threads=1):
        check = check_digits(trained.network, trained.digits, count=4, max_elements=50)
    history, figures = trained.history, trained.figures
    pictures = (
        Picture(
            digits_learned.draw(stage, trained), "learned filters, what they see in a digit, and its winning units"
        ),
        Picture(digits_tried.draw(stage, trained), "the loss epoch by epoch, the confusion matrix and the mistakes"),
    )
    lines: tuple[str, ...] = (
        f"{figures['accuracy']:.1%} of {figures['held_out']} digits never seen before are read right "
        f"({figures['mistakes']} mistakes), after {epochs} epochs in {figures['seconds']:.1f} s",
        f"{figures['weights']:,} weights; loss {history['loss'][0]:.4f} in the first epoch, {history['loss'][-1]:.4f} "
        "in the last",
        str(check),
    )
    if epochs == REFERENCE_EPOCHS and stage.epochs is None:
        lines += (
            f"{epochs} epochs, not {EPOCHS}, as plain NumPy is slow: `gemmconv demo --step digits --epochs {epochs}` "
            "gives the same losses to rounding",
        )
    measured = {
        **figures,
        "history": {name: history[name] for name in history.names()},
        "gradient_check": {
            "ok": check.ok,
            "compared": sum(check.compared.values()),
            "tolerance": check.tolerance,
            "worst": dataclasses.asdict(check.worst),
        },
    }
    return Outcome(lines, measured, pictures, check.ok)
