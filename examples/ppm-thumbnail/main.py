"""ppm-thumbnail: a picture in the PPM format in, a smaller one out. Each pixel is
the mean of those it stands for."""

import re

HEAD = re.compile(rb"P6\s+(\d+)\s+(\d+)\s+255\s")


def run(context, input, most="64"):
    # Bytes come in pieces; a picture has to be whole.
    width, height, pixels = parse(b"".join(input))
    context.logger.info("a picture of %d x %d", width, height)
    step = max(1, -(-max(width, height) // int(most)))  # rounded up
    small = list(shrink(width, height, pixels, step))
    yield b"P6\n%d %d\n255\n" % (-(-width // step), -(-height // step))
    yield b"".join(small)


def parse(data):
    head = HEAD.match(data)
    if not head:
        raise ValueError("not a PPM picture (P6) with 255 shades")
    width, height = int(head[1]), int(head[2])
    pixels = data[head.end() :]
    if len(pixels) != width * height * 3:
        raise ValueError("%d bytes of pixels, expected %d" % (len(pixels), width * height * 3))
    return width, height, pixels


def shrink(width, height, pixels, step):
    """The rows of the smaller picture."""
    for top in range(0, height, step):
        rows = [pixels[y * width * 3 : (y + 1) * width * 3] for y in range(top, min(top + step, height))]
        row = bytearray()
        for left in range(0, width * 3, step * 3):
            for color in range(3):
                block = b"".join(row_of[left + color : left + step * 3 : 3] for row_of in rows)
                row.append(sum(block) // len(block))
        yield bytes(row)
