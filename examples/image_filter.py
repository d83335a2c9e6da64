"""Filter a photograph: blur it, find its edges, shrink it. Writes edges.png."""

import numpy as np
from sklearn.datasets import load_sample_image

import gemmconv

photograph = load_sample_image("china.jpg").astype(np.float32) / 255  # (height, width, 3)
x = photograph[None]  # one image, channels last

# Blur every channel by itself: as many groups as channels. A filter in the sense of image processing is a mathematical
# convolution, flip=True; for a symmetric kernel both are the same.
one = np.array([1, 4, 6, 4, 1], np.float32) / 16
blur = np.broadcast_to(np.outer(one, one), (3, 1, 5, 5)).copy()
smooth = gemmconv.conv(x, blur, padding="same", groups=3, flip=True, layout="NHWC")

# Sobel's two slopes of the grey image, and their length.
grey = np.ascontiguousarray(smooth.mean(axis=-1)[:, None])
across = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)
slopes = gemmconv.conv(grey, np.stack([across, across.T])[:, None], padding="same", flip=True)
edges = np.sqrt((slopes**2).sum(axis=1))[0]

# Half the size, each pixel the strongest edge of four.
small = gemmconv.max_pool(edges[None, None], 2, ceil_mode=True)[0, 0]
print(f"photograph {photograph.shape}, edges {edges.shape} up to {edges.max():.2f}, halved {small.shape}")

try:
    from PIL import Image
except ModuleNotFoundError:
    print("pip install pillow to see edges.png")
else:
    Image.fromarray(np.uint8(255 * small / small.max())).save("edges.png")
    print("edges.png")
