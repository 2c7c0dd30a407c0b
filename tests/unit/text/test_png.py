"""The PNG files that we write ourselves say what the bitmap said."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from clerk.text.png import grey_png


@pytest.mark.parametrize(("width", "height", "stride"), [(1, 1, 1), (1, 3, 4), (5, 7, 8), (1275, 1651, 1276)])
def test_a_grey_png_is_what_was_drawn(width: int, height: int, stride: int) -> None:
    pixels = bytes((row * 7 + column * 3) % 251 for row in range(height) for column in range(stride))
    with Image.open(io.BytesIO(grey_png(memoryview(pixels), width, height, stride))) as image:
        image.load()
        assert (image.mode, image.size) == ("L", (width, height))
        assert image.tobytes() == b"".join(pixels[row * stride :][:width] for row in range(height))
