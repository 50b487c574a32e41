"""One picture's colours carried over to another."""

from __future__ import annotations

import math

from PIL import Image

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

_SAMPLE = 96


def match_colours(image: Image.Image, reference: Image.Image, amount: float) -> Image.Image:
    """The picture with the mean and spread of colours of the reference; both RGB, `amount` 0 to 1.

    The linear map that moves colours least (Pitié and Kokaram, 2007), held back so that no channel is
    stretched beyond recognition.
    """
    mean, spread = _statistics(image)
    target_mean, target_spread = _statistics(reference)
    matrix = _transport(spread, target_spread)
    row_values: list[float] = []
    for row in range(3):
        mixed = [amount * matrix[row][column] + (1 - amount) * (row == column) for column in range(3)]
        wanted = mean[row] + amount * _held(target_mean[row] - mean[row])
        offset = wanted - sum(mixed[column] * mean[column] for column in range(3))
        row_values += [*mixed, offset]
    return image.convert("RGB", tuple(row_values))


def _held(shift: float) -> float:
    """A shift of the mean, in levels, that dies away where it would swamp the picture."""
    return 70 * math.tanh(shift / 70)


def _statistics(image: Image.Image) -> tuple[Vector, Matrix]:
    """Mean and covariance of the colours, in levels, from a small copy."""
    small = image.resize((_SAMPLE, _SAMPLE), Image.Resampling.BOX)
    channels = [channel.tobytes() for channel in small.split()]
    count = _SAMPLE * _SAMPLE
    means = [sum(channel) / count for channel in channels]

    def covariance(first: int, second: int) -> float:
        pairs = zip(channels[first], channels[second], strict=True)
        return sum(a * b for a, b in pairs) / count - means[first] * means[second] + (first == second)

    rows = [_vector([covariance(row, column) for column in range(3)]) for row in range(3)]
    return _vector(means), (rows[0], rows[1], rows[2])


def _transport(source: Matrix, target: Matrix) -> Matrix:
    """The symmetric matrix T with T·source·T = target."""
    root = _power(source, 0.5)
    inverse = _power(source, -0.5)
    middle = _power(_product(_product(root, target), root), 0.5)
    values, vectors = _eigen(_product(_product(inverse, middle), inverse))
    return _composed([min(2.2, max(0.45, value)) for value in values], vectors)


def _power(matrix: Matrix, exponent: float) -> Matrix:
    values, vectors = _eigen(matrix)
    return _composed([max(1e-6, value) ** exponent for value in values], vectors)


def _composed(values: list[float], vectors: Matrix) -> Matrix:
    rows = [
        _vector([
            sum(vectors[row][k] * values[k] * vectors[column][k] for k in range(3)) for column in range(3)
        ])
        for row in range(3)
    ]  # fmt: skip
    return rows[0], rows[1], rows[2]


def _product(first: Matrix, second: Matrix) -> Matrix:
    rows = [
        _vector([sum(first[row][k] * second[k][column] for k in range(3)) for column in range(3)])
        for row in range(3)
    ]
    return rows[0], rows[1], rows[2]


def _eigen(matrix: Matrix) -> tuple[list[float], Matrix]:
    """Eigenvalues and vectors (as columns) of a symmetric matrix, by Jacobi's rotations."""
    a = [list(row) for row in matrix]
    v = [[float(row == column) for column in range(3)] for row in range(3)]
    for _ in range(24):
        for p, q in ((0, 1), (0, 2), (1, 2)):
            if abs(a[p][q]) < 1e-12:
                continue
            angle = 0.5 * math.atan2(2 * a[p][q], a[q][q] - a[p][p])
            c, s = math.cos(angle), math.sin(angle)
            for k in range(3):
                a[k][p], a[k][q] = c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]
            for k in range(3):
                a[p][k], a[q][k] = c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]
            for k in range(3):
                v[k][p], v[k][q] = c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]
    return [a[0][0], a[1][1], a[2][2]], (_vector(v[0]), _vector(v[1]), _vector(v[2]))


def _vector(values: list[float]) -> Vector:
    return values[0], values[1], values[2]
