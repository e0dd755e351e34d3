"""A picture made anew in our own size and format: what leaves the proxy was written by us, pixel by pixel.

Rules: only the formats below, told by their first bytes, not by what the server said; nothing larger than MOST_PIXELS
is decoded; the answer is WebP without metadata, or None for what is no picture. It runs in a child process with limits
(`children.sandbox`), because decoders of pictures are where memory is corrupted.

Pillow, because it is the one well-kept library that reads them all; it is imported in this module only.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
MOST_PIXELS = 50_000_000
"""A camera's largest pictures; decoded they take 150 MB, below the child's limit."""
LEAST_SIDE = 60
"""Pixels: what is smaller is an icon or a counter, not a picture. A guess."""
QUALITY = 74
WIDTHS = {"card": 320, "page": 1080}
"""Largest side of the two forms: twice the size they are shown at, for screens of two pixels a point."""

_BROKEN = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
)
"""What Pillow raises at damaged files (it says SyntaxError of a broken PNG chunk)."""


def reencoded(body: bytes) -> dict[str, bytes] | None:
    """The picture in each form of WIDTHS as WebP; None where the bytes are no picture that can be shown."""
    try:
        with warnings.catch_warnings():
            # Pillow only warns of pictures beyond its limit.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(body), formats=FORMATS) as opened:
                return _forms(opened)
    except (*_BROKEN, Image.DecompressionBombWarning):
        return None


def _forms(opened: Image.Image) -> dict[str, bytes] | None:
    width, height = opened.size
    if min(width, height) < LEAST_SIDE or width * height > MOST_PIXELS:
        return None
    largest = max(WIDTHS.values())
    # JPEG alone can be decoded at a half, a quarter, an eighth of its size.
    opened.draft("RGB", (largest, largest))
    # Cameras write how they were held; without metadata nobody would turn the picture.
    upright = ImageOps.exif_transpose(opened)
    mode = "RGBA" if upright.has_transparency_data else "RGB"
    plain = upright.convert(mode)
    return {name: _webp(plain, side) for name, side in WIDTHS.items()}


def _webp(picture: Image.Image, side: int) -> bytes:
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    small.save(written, "WEBP", quality=QUALITY, method=4)
    return written.getvalue()
