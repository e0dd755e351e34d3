"""How many threads the libraries of a command start beside its own."""

from __future__ import annotations

import os


def compute_on_one_thread() -> None:
    """Keep NumPy's library of matrices (OpenBLAS) from starting threads of its own; to be called before NumPy is
    imported. Whoever sets its variables says otherwise.

    Our matrices are small, and its threads wait for one another by turning in circles: where other programs want the
    processor, too, a product of 0.2 ms took 30 ms on two cores.
    """
    # OpenBLAS would go by its own variable where both are set.
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
