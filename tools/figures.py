"""The one figure style of the book: sizes, fonts and the colour of each method."""

from __future__ import annotations

import matplotlib as mpl

# Okabe and Ito's palette: distinguishable with the common kinds of colour blindness.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#777777"

# A method has the same colour in every chapter; a new one is added here.
METHOD_COLORS = {
    "exact": GREY,
    "pathwise": BLUE,
    "score function": VERMILION,
    "score function, mean baseline": ORANGE,
    "score function, optimal baseline": YELLOW,
    "RLOO": GREEN,
    "Gumbel-Softmax": SKY,
    "straight-through Gumbel-Softmax": PURPLE,
}

WIDE = (7.0, 2.9)  # inches: the width of the text block; two or three panels
SINGLE = (4.6, 3.0)


def use_book_style() -> None:
    """Set matplotlib's defaults: transparent ground, reproducible SVG, no dates."""
    mpl.use("Agg")
    mpl.rcdefaults()
    mpl.rcParams.update(
        {
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": 10,
            "axes.labelsize": 9.5,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "font.family": "DejaVu Sans",
            "font.size": 9.5,
            "grid.alpha": 0.25,
            "grid.linewidth": 0.6,
            "legend.fontsize": 8.5,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "lines.markersize": 4.5,
            "mathtext.fontset": "dejavusans",
            "pdf.fonttype": 42,
            "savefig.dpi": 300,  # of what cannot be a vector: pictures of pixels
            "svg.fonttype": "path",
            "svg.hashsalt": "derive-implement-verify",
            "xtick.labelsize": 8.5,
            "ytick.labelsize": 8.5,
        }
    )
